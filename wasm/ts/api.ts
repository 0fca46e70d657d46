/** What every entry of the package exports beside the functions that need to know their host. */
export { DriftwoodError } from "./error.js";
export type {
  Change, Container, Doc, DocChange, DocCounter, DocEvents, DocList, DocMap, DocSet, DocSnapshot, DocText,
  DriftwoodErrorShape, Item, Kind, Level, ListChange, ListPatch, ListSnapshot, MapChange, MapSnapshot, OpenOptions,
  Origin, Presence, Status, StorageReport, TextChange, TextPatch, Unsubscribe, Value, Write,
} from "./types.js";
