import { checkedCount, checkedText } from "./check.js";
import type { Handle, Mark, RawDocument } from "./core.js";
import { type AnyNode, ContainerNode, type Detail } from "./node.js";
import type { DocMap, DocTree, MapSnapshot, Origin, TreeChange, TreeNode, TreeSnapshot, Write } from "./types.js";

/** Nodes that are deeper than this appear at this depth in snapshots, as in the engine's. */
const DEPTH_MAX = 32;

const NONE: readonly TreeNode[] = Object.freeze([]);

/** A tree and its snapshot. */
export class TreeContainer extends ContainerNode<TreeSnapshot, TreeChange> implements DocTree {
  readonly kind = "tree";
  /** The nodes of the last snapshot. */
  #nodes = new Map<string, TreeNode>();

  create(parent: string | null = null, index?: number): string {
    const made: string[] = [];
    this.session.write(
      this,
      (raw) => {
        made.push(raw.treeCreate(this.handle, above(parent), place(index)));
        return 0;
      },
      { keys: made },
    );
    return made[0] as string;
  }

  move(id: string, parent: string | null, index?: number): Write {
    return this.session.write(
      this,
      (raw) => raw.treeMove(this.handle, checkedId(id), above(parent), place(index)),
      { keys: [id] },
    );
  }

  delete(id: string): Write {
    return this.#remove(id, (raw) => raw.treeDelete(this.handle, id));
  }

  erase(id: string): Write {
    return this.#remove(id, (raw) => raw.treeErase(this.handle, id));
  }

  #remove(id: string, call: (raw: RawDocument) => Mark): Write {
    const nodes = this.#under(checkedId(id));
    const inside = [...this.inside].filter((child) => child.key !== undefined && nodes.has(child.key));
    return this.session.write(this, call, { keys: nodes }, inside);
  }

  /** A node and all under it. */
  #under(id: string): Set<string> {
    const nodes = new Set<string>(this.has(id) ? [id] : []);
    for (const node of nodes) for (const child of this.children(node)) nodes.add(child);
    return nodes;
  }

  children(parent: string | null = null): string[] {
    return this.ask((raw) => raw.treeChildren(this.handle, above(parent)));
  }

  parent(id: string): string | null | undefined {
    return this.ask((raw) => raw.treeParent(this.handle, checkedId(id)));
  }

  has(id: string): boolean {
    return this.ask((raw) => raw.treeHas(this.handle, checkedId(id)));
  }

  data(id: string): DocMap {
    return this.session.container(this.ask((raw) => raw.treeData(this.handle, checkedId(id))));
  }

  protected note(): void {}
  protected noteChild(): void {}

  protected read(): TreeSnapshot {
    const flat = this.ask((raw) => raw.treeNodes(this.handle));
    const nodes = new Map<string, TreeNode>();
    /** What comes later in the tree, at each depth, last first. */
    const waiting: TreeNode[][] = [];
    for (let i = flat.length - 3; i >= 0; i -= 3) {
      const [id, depth, data] = flat.slice(i, i + 3) as [string, number, Handle];
      const level = Math.min(depth, DEPTH_MAX);
      const children = level < DEPTH_MAX ? (waiting[level + 1]?.reverse() ?? []) : [];
      if (level < DEPTH_MAX) waiting[level + 1] = [];
      const node = this.#node(id, this.session.node(data).toJSON() as MapSnapshot, children);
      nodes.set(id, node);
      (waiting[level] ??= []).push(node);
    }
    this.#nodes = nodes;
    return Object.freeze(waiting[0]?.reverse() ?? []);
  }

  /** A node as it was, if it is as it was. */
  #node(id: string, data: MapSnapshot, children: TreeNode[]): TreeNode {
    const old = this.#nodes.get(id);
    const same =
      old !== undefined && old.data === data && old.children.length === children.length &&
      old.children.every((child, i) => child === children[i]);
    if (same) return old;
    return Object.freeze({ id, data, children: children.length === 0 ? NONE : Object.freeze(children) });
  }

  detail(raw: unknown): Detail {
    return { keys: raw as string[] };
  }

  struck(): Detail {
    return {};
  }

  protected emptied(): Detail {
    const flat = this.ask((raw) => raw.treeNodes(this.handle));
    return { keys: flat.filter((_, i) => i % 3 === 0) as string[] };
  }

  protected change(origin: Origin, detail: Detail): TreeChange {
    return { origin, nodes: new Set(detail.keys) };
  }
}

const checkedId = (id: unknown): string => checkedText(id, "a node's id");
const above = (parent: unknown): string | undefined => (parent === null ? undefined : checkedId(parent));
const place = (index: unknown): number | undefined => (index === undefined ? undefined : checkedCount(index, "an index"));
