import { Icon } from "./icon";

interface Props {
  /** Whether the notebook has no note at all. */
  empty: boolean;
  shared: boolean;
  onNew: () => void;
  onExample: () => void;
}

/** What stands where a note would: a friendly start, or a word on how to go on. */
export function Welcome({ empty, shared, onNew, onExample }: Props) {
  if (!empty) {
    return (
      <div className="message">
        <h1>Choose a note</h1>
        <p>
          Pick one on the left, or press <kbd>Alt</kbd> <kbd>N</kbd> for a new one.
        </p>
      </div>
    );
  }
  return (
    <div className="message">
      <h1>Notes that stay afloat</h1>
      <p>
        What you write is kept in this browser first, so it works on a train, in a cellar or while the server is down.
        {shared
          ? " As soon as a relay is in reach, it is shared with everyone who opens this notebook, letter by letter."
          : " Every tab of this browser that opens this notebook shares it, letter by letter."}
      </p>
      <p>Open this page in a second window and type in both: you will see yourself coming.</p>
      <div className="actions">
        <button type="button" className="button primary" onClick={onNew}>
          <Icon name="add" />
          Write the first note
        </button>
        <button type="button" className="button" onClick={onExample}>
          Start with an example
        </button>
      </div>
    </div>
  );
}
