import type { Doc } from "driftwood-sync";
import { useSnapshot } from "../hooks";
import { Icon } from "./icon";

/** A counter that anybody adds to at any time, also offline. */
export function Likes({ doc }: { doc: Doc }) {
  const counter = doc.counter("likes");
  const likes = useSnapshot(counter);
  const words = likes === 1 ? "1 like" : `${likes.toLocaleString()} likes`;
  return (
    <section className="likes" aria-label="Likes">
      <button
        type="button"
        className={likes > 0 ? "button some" : "button"}
        aria-label={`Like this note, ${words} so far`}
        onClick={() => counter.add(1)}
      >
        <Icon name="heart" />
        {likes > 0 ? words : "Like this note"}
      </button>
    </section>
  );
}
