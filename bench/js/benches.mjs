/**
 * The benches, free of any host: each takes an engine and what it needs, and gives numbers by row. The less the better.
 * B1 to B4 are those of dmonad/crdt-benchmarks; in B1 a second copy merges each delta at once.
 */

/** Numbers that are random enough, and the same in every run (mulberry32). */
function random(seed) {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * limit);
  };
}

const letter = (below) => String.fromCharCode(97 + below(26));
const word = (below) => Array.from({ length: 3 + below(6) }, () => letter(below)).join("");
/** As large as the random ones that Yjs takes. */
const client = (number) => 3_000_000_007 + number * 500_009;

/** Edits of N steps on one copy; `step` gets the length so far and gives the next. */
const steps = {
  "B1.1 append characters": { step: (copy, below, len) => (copy.insert(len, letter(below)), len + 1) },
  "B1.3 prepend characters": { step: (copy, below, len) => (copy.insert(0, letter(below)), len + 1) },
  "B1.4 characters at random": { step: (copy, below, len) => (copy.insert(below(len + 1), letter(below)), len + 1) },
  "B1.5 words at random": { step: insertWord },
  "B1.7 insert and delete at random": { step: insertOrDelete },
  "B1.8 append numbers": { step: (copy, below, len) => (copy.put(len, below(1e6)), len + 1) },
  "B1.11 numbers at random": { step: (copy, below, len) => (copy.put(below(len + 1), below(1e6)), len + 1) },
};

function insertWord(copy, below, len) {
  const text = word(below);
  copy.insert(below(len + 1), text);
  return len + text.length;
}

function insertOrDelete(copy, below, len) {
  if (len > 0 && below(2) === 0) {
    const at = below(len);
    const count = Math.min(len - at, 1 + below(9));
    copy.delete(at, count);
    return len - count;
  }
  return insertWord(copy, below, len);
}

const same = (a, b) => {
  if (JSON.stringify(a.read()) !== JSON.stringify(b.read())) throw new Error("two copies differ that have merged the same");
};

/** One writer, one reader, N edits. */
async function together(host, engine, { step }) {
  const deltas = { count: 0, bytes: 0 };
  await engine.prepare?.(3);
  const reader = engine.create(client(2));
  const cap = host.cap();
  const below = random(7);
  let len = 0;
  let done = 0;
  const time = await host.timed(() => {
    const writer = engine.create(client(1), (delta) => {
      deltas.count += 1;
      deltas.bytes += delta.length;
      reader.merge(delta);
    });
    for (; done < host.n && !(done % 64 === 0 && cap.isOver()); done++) len = step(writer, below, len);
    return writer;
  });
  if (done < host.n) return { "edit, send, merge (ms)": unfinished(cap, done / host.n) };
  same(time.made, reader);
  const save = await host.timed(() => reader.save());
  const load = await host.timed(() => {
    const loaded = engine.load(client(3), save.made);
    loaded.read();
    return loaded;
  });
  same(load.made, reader);
  return {
    "edit, send, merge (ms)": time.ms,
    "average delta (bytes)": deltas.bytes / deltas.count,
    "save (ms)": save.ms,
    "saved (bytes)": save.made.length,
    "load + read (ms)": load.ms,
  };
}

const unfinished = (cap, part) => `not finished in ${cap.seconds} s (${Math.round(part * 100)} %)`;

/** Two writers apart, who meet at the end. */
async function apart(host, engine) {
  await engine.prepare?.(2);
  const cap = host.cap();
  const first = engine.create(client(1));
  const nothing = first.version();
  first.insert(0, "x".repeat(100));
  const second = engine.create(client(2));
  second.merge(first.since(nothing));
  const copies = [first, second];
  let part = 0;
  let bytes = 0;
  const time = await host.timed(() => {
    const deltas = copies.map((copy, number) => {
      const below = random(11 + number);
      const before = copy.version();
      let len = 100;
      for (let done = 0; done < host.n && !(done % 64 === 0 && cap.isOver()); done++) {
        len = insertOrDelete(copy, below, len);
        part = (number * host.n + done + 1) / (2 * host.n);
      }
      return copy.since(before);
    });
    first.merge(deltas[1]);
    second.merge(deltas[0]);
    bytes = deltas[0].length + deltas[1].length;
  });
  if (part < 1) return { "edit, then merge both (ms)": unfinished(cap, part) };
  same(first, second);
  return { "edit, then merge both (ms)": time.ms, "bytes sent": bytes, "saved (bytes)": first.save().length };
}

/** Many clients with one edit each; one copy merges them. */
async function crowd(host, engine, { edit }) {
  const clients = 20 * Math.floor(Math.sqrt(host.n));
  const deltas = [];
  for (let number = 0; number < clients; number++) {
    await engine.prepare?.(1);
    edit(engine.create(client(number), (delta) => deltas.push(delta)), number);
  }
  await engine.prepare?.(2);
  const all = engine.create(client(clients));
  const cap = host.cap();
  let merged = 0;
  const time = await host.timed(() => {
    for (; merged < clients && !(merged % 16 === 0 && cap.isOver()); merged++) all.merge(deltas[merged]);
  });
  if (merged < clients) return { "merge one by one (ms)": unfinished(cap, merged / clients) };
  const saved = all.save();
  same(engine.load(client(clients + 1), saved), all);
  return {
    "merge one by one (ms)": time.ms,
    "bytes sent": deltas.reduce((sum, delta) => sum + delta.length, 0),
    "saved (bytes)": saved.length,
  };
}

/** Replays `times` times; how many patches were made until the time was over. */
function replay(copy, patches, times, cap) {
  for (let time = 0, done = 0; time < times; time++) {
    for (const [at, deleted, inserted] of patches) {
      if (done % 256 === 0 && cap.isOver()) return done;
      if (deleted > 0) copy.delete(at, deleted);
      if (inserted) copy.insert(at, inserted);
      done += 1;
    }
  }
  return times * patches.length;
}

/** Somebody's whole work on a text. */
async function trace(host, engine, { times, only }) {
  const { patches, end } = host.trace;
  await engine.prepare?.(4);
  const of = times * patches.length;
  const cap = host.cap();
  const deltas = [];
  let done = 0;
  const time = await host.timed(() => {
    const writer = engine.create(client(1), only ? undefined : (delta) => deltas.push(delta));
    done = replay(writer, patches, times, cap);
    return writer;
  });
  const row = only ?? "local session with its deltas (ms)";
  if (done < of) return { [row]: unfinished(cap, done / of) };
  const writer = time.made;
  if (writer.read()[0] !== end.repeat(times)) throw new Error("another text at the end");
  if (only) return { [row]: time.ms };
  const found = {
    [row]: time.ms,
    "average delta (bytes)": deltas.reduce((sum, delta) => sum + delta.length, 0) / deltas.length,
  };
  const merging = host.cap();
  const reader = engine.create(client(2));
  let merged = 0;
  const merge = await host.timed(() => {
    for (; merged < deltas.length && !(merged % 256 === 0 && merging.isOver()); merged++) reader.merge(deltas[merged]);
  });
  const whole = merged === deltas.length;
  found["merge those deltas one by one (ms)"] = whole ? merge.ms : unfinished(merging, merged / deltas.length);
  if (whole) same(reader, writer);
  const save = await host.timed(() => writer.save());
  const load = await host.timed(() => engine.load(client(3), save.made).read()[0]);
  if (load.made !== end.repeat(times)) throw new Error("another text after loading");
  return { ...found, "save (ms)": save.ms, "saved (bytes)": save.made.length, "load + text (ms)": load.ms };
}

/** What the process has grown by, with the trace's document in it. It is made in another process. */
async function held(host, engine) {
  await engine.prepare?.(1);
  const before = host.memory();
  const loaded = engine.load(client(5), host.saved);
  const text = loaded.read()[0].length;
  const after = host.memory();
  if (text !== host.trace.end.length) throw new Error("another text after loading");
  return { "memory to hold it, loaded with text (RSS grown, bytes)": Math.max(0, after - before) };
}

const word5 = (number) => (number + 100_000).toString(36).padStart(5, "a").slice(-5);

/** All benches by name. `heavy` ones have a process and a cap of their own kind. */
export const benches = {
  ...Object.fromEntries(Object.entries(steps).map(([name, how]) => [name, { run: together, ...how }])),
  "B2.4 two clients, random inserts and deletes apart": { run: apart },
  "B3.1 20√N clients set one key": { run: crowd, edit: (copy, number) => copy.set("key", number) },
  "B3.5 20√N clients insert text": { run: crowd, edit: (copy, number) => copy.insert(0, word5(number)) },
  "B4 a recorded session": { run: trace, times: 1 },
  "B4 without deltas": { run: trace, times: 1, only: "local session without deltas (ms)" },
  "B4 ten times over": { run: trace, times: 10 },
  "B4 held": { run: held, needsSaved: true },
};
