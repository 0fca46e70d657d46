import type { CSSProperties } from "react";
import { initials } from "../identity";

/** Sets the colour that the styles of a person's marks use. */
export function personStyle(colour: string): CSSProperties {
  return { "--person": colour } as CSSProperties;
}

/** A round picture with somebody's initials. The name must be said by what is around it. */
export function Avatar({ name, colour }: { name: string; colour: string }) {
  return (
    <span className="avatar" style={personStyle(colour)} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
