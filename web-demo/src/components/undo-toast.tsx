import { useEffect } from "react";

const SHOWN_MS = 8_000;

/** Says that a note was deleted, and offers to put it back, for a while. */
export function UndoToast({ title, onUndo, onDone }: { title: string; onUndo: () => void; onDone: () => void }) {
  useEffect(() => {
    const timer = setTimeout(onDone, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [onDone]);
  return (
    <div className="toast" role="status">
      <span>Deleted “{title}”</span>
      <button type="button" className="button" onClick={onUndo}>
        Undo
      </button>
    </div>
  );
}
