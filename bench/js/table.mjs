/** Tables in Markdown: a column for each engine, the best peer, and how Driftwood compares to it. */
const OURS = "driftwood";

/** `results[engine][row]` is a list of numbers, or a text that says why there is none. */
export function table(title, engines, results) {
  const rows = [...new Set(engines.flatMap((engine) => Object.keys(results[engine] ?? {})))];
  const lines = [
    `### ${title}`,
    "",
    `| measure | ${engines.join(" | ")} | best peer | driftwood is |`,
    `| :- |${" -: |".repeat(engines.length)} :- | -: |`,
  ];
  const behind = [];
  let compared = 0;
  for (const row of rows) {
    const cells = engines.map((engine) => cellOf(results[engine]?.[row]));
    const peers = engines.map((engine, index) => [engine, cells[index]]);
    const numbers = peers.filter(([engine, cell]) => engine !== OURS && typeof cell === "number");
    const best = numbers.sort((a, b) => a[1] - b[1])[0];
    const ours = cells[engines.indexOf(OURS)];
    const ratio = best && typeof ours === "number" && best[1] > 0 ? ours / best[1] : undefined;
    if (ratio !== undefined) compared += 1;
    if (ratio >= 1) behind.push(`${row.split(" (")[0]} ${ratio.toFixed(2)}x ${best[0]}`);
    const shown = cells.map((cell) => (typeof cell === "number" ? numberShown(cell, row) : cell));
    lines.push(`| ${row} | ${shown.join(" | ")} | ${best?.[0] ?? ""} | ${ratioShown(ratio)} |`);
  }
  return { title, markdown: `${lines.join("\n")}\n`, behind, compared };
}

function cellOf(samples) {
  if (samples === undefined) return "";
  const numbers = samples.filter((sample) => typeof sample === "number").sort((a, b) => a - b);
  if (numbers.length === 0) return samples[0];
  const middle = numbers.length >> 1;
  return numbers.length % 2 === 1 ? numbers[middle] : (numbers[middle - 1] + numbers[middle]) / 2;
}

function ratioShown(ratio) {
  if (ratio === undefined) return "";
  return ratio < 1 ? `${ratio.toFixed(2)}x` : `**${ratio.toFixed(2)}x**`;
}

function numberShown(number, row) {
  if (row.includes("average")) return number.toFixed(1);
  if (row.includes("bytes")) return Math.round(number).toLocaleString("en");
  return number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
}

/** What is to be said of all tables. */
export function summary(tables) {
  const compared = tables.reduce((sum, { compared: rows }) => sum + rows, 0);
  const lost = tables.reduce((sum, { behind }) => sum + behind.length, 0);
  const lines = [`Ahead of the best peer in ${compared - lost} of ${compared} rows.`];
  for (const { title, behind } of tables) if (behind.length > 0) lines.push(`- Behind in ${title}: ${behind.join("; ")}.`);
  return `${lines.join("\n")}\n`;
}
