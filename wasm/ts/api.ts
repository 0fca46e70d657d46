/** What every entry of the package exports beside the functions that need to know their host. */
export { DriftwoodError } from "./error.js";
export type {
  Attributes, Blame, Change, Conflict, Container, DeltaInsert, DeltaOp, Difference, Differences, Doc, DocChange,
  DocCounter, DocEvents, DocList, DocMap, DocSet, DocSnapshot, DocText, DocTree, DriftwoodErrorShape, Expand,
  ExportOptions, Item, Journal, Kind, Level, ListChange, ListPatch, ListSnapshot, MapChange, MapSnapshot,
  NamedVersion, OpenOptions, Origin, Presence, Range, Seed, Side, Status, StorageReport, TextChange, TextPatch,
  TreeChange, TreeNode, TreeSnapshot, UndoManager, UndoOptions, UndoState, Unsubscribe, Value, Write,
} from "./types.js";
