import { useEffect, useRef } from "react";

const SHORTCUTS: readonly (readonly [keys: readonly string[], what: string])[] = [
  [["Alt", "N"], "New note"],
  [["Ctrl or ⌘", "K"], "Search"],
  [["↓", "↑"], "Go through the notes"],
  [["Enter"], "Open the note"],
  [["Delete"], "Delete the note (in the list)"],
  [["Esc"], "Back to the list"],
];

/** The keys that the page knows. */
export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} className="dialog" aria-label="Keyboard shortcuts" onClose={onClose}>
      <h2>Keyboard shortcuts</h2>
      <dl>
        {SHORTCUTS.map(([keys, what]) => (
          <div key={what} style={{ display: "contents" }}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit" className="button">
          Close
        </button>
      </form>
    </dialog>
  );
}
