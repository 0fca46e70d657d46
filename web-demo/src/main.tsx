import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { IdentityStore, localStorageOrNull } from "./identity";
import { Notebook } from "./notebook";
import { keepPage } from "./page-cache";
import { readSettings } from "./settings";
import { openingTrouble } from "./words";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/list.css";
import "./styles/status.css";
import "./styles/note.css";
import "./styles/editor.css";

const root = createRoot(document.getElementById("root")!);
const settings = readSettings(location.search);

const opening = Notebook.open(settings);
opening.then(
  (notebook) => {
    const identity = new IdentityStore(localStorageOrNull());
    root.render(
      <StrictMode>
        <App notebook={notebook} identity={identity} settings={settings} />
      </StrictMode>,
    );
  },
  (error: unknown) => {
    const { title, advice } = openingTrouble(error);
    root.render(
      <main className="message" role="alert">
        <h1>{title}</h1>
        <p>{advice}</p>
        <div className="actions">
          <button type="button" className="button primary" onClick={() => location.reload()}>
            Reload
          </button>
        </div>
      </main>,
    );
  },
);

// Not before everything is loaded that the page needs to open, the engine included.
if (import.meta.env.PROD) void opening.then(keepPage);
