/** Light Markdown for the editor: headings, emphasis, lists and links look like what they are; the text stays text. */
import { HighlightStyle, Language, LanguageSupport, defineLanguageFacet, languageDataProp, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { Strikethrough, TaskList, parser } from "@lezer/markdown";
import { tags } from "@lezer/highlight";

const data = defineLanguageFacet();

const markdownParser = parser.configure([
  Strikethrough,
  TaskList,
  { props: [languageDataProp.add((type) => (type.isTop ? data : undefined))] },
]);

const style = HighlightStyle.define([
  { tag: tags.heading1, class: "cm-heading cm-heading-1" },
  { tag: tags.heading2, class: "cm-heading cm-heading-2" },
  { tag: [tags.heading3, tags.heading4, tags.heading5, tags.heading6], class: "cm-heading" },
  { tag: tags.strong, class: "cm-strong" },
  { tag: tags.emphasis, class: "cm-emphasis" },
  { tag: tags.strikethrough, class: "cm-strike" },
  { tag: tags.monospace, class: "cm-code" },
  { tag: tags.quote, class: "cm-quote" },
  // Only addresses: anything in square brackets counts as a link otherwise.
  { tag: tags.url, class: "cm-link" },
  { tag: [tags.processingInstruction, tags.contentSeparator], class: "cm-mark" },
]);

export function markdown(): Extension {
  return [new LanguageSupport(new Language(data, markdownParser, [], "markdown")), syntaxHighlighting(style)];
}
