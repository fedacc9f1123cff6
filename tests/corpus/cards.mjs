// A realm of cards, the same on every machine: modules in layers (one leaf that all need, helpers, components, base classes,
// cards) and documents over them.
//
//   node tests/corpus/cards.mjs DIR [--documents 2000] [--modules 40]

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const LEAST_MODULES = 12;

const WORDS = ("amber basalt cedar delta ember fjord garnet harbor indigo juniper kelp lagoon meadow nectar onyx prairie quartz river " +
  "saffron tundra umber valley willow yarrow zephyr café naïve Straße 東京 <b>bold</b> R&D \"quoted\"").split(" ");
const NAMES = "Ada Grace Linus Margaret Alan Barbara Edsger Katherine Donald Radia Tim Frances".split(" ");

/** Numbers that are the same every time (mulberry32). */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The modules that every realm has, by path. */
const FIXED = {
  // The leaf: an edit of it reaches every document.
  "lib/theme.ts": `export interface Theme { accent: string; radius: number }
export const theme: Theme = { accent: "#0b7285", radius: 4 };
export const brand: string = "Realm of cards";
`,
  "lib/format.ts": `import { theme } from "./theme.ts";

export function day(value?: string): string {
  return value === undefined ? "undated" : new Date(value).toISOString().slice(0, 10);
}

export function money(value: number | undefined, currency = "EUR"): string {
  return value === undefined ? "—" : \`\${value.toFixed(2)} \${currency}\`;
}

export const accent = (): string => theme.accent;
export const plural = (count: number, word: string): string => \`\${count} \${word}\${count === 1 ? "" : "s"}\`;
`,
  "lib/text.ts": `export const shorten = (text = "", limit = 80): string => (text.length > limit ? \`\${text.slice(0, limit)}…\` : text);
export const slug = (text: string): string => text.toLowerCase().replace(/[^\\p{L}\\p{N}]+/gu, "-");
`,
  "components/layout.tsx": `import { brand } from "../lib/theme.ts";
import { accent } from "../lib/format.ts";

interface Props { title: string; children?: unknown }

export function Page({ title, children }: Props) {
  return (
    <article class="page" style={{ borderColor: accent() }}>
      <header><h1>{title}</h1><small>{brand}</small></header>
      {children}
    </article>
  );
}

export function Facts({ facts }: { facts: [string, unknown][] }) {
  return <dl>{facts.filter(([, value]) => value !== undefined).map(([name, value]) => <><dt>{name}</dt><dd>{value}</dd></>)}</dl>;
}
`,
  "components/list.tsx": `import { plural } from "../lib/format.ts";

export function Tags({ tags = [] }: { tags?: string[] }) {
  return <ul class="tags" title={plural(tags.length, "tag")}>{tags.map((tag) => <li key={tag}>{tag}</li>)}</ul>;
}

export function Steps({ steps = [] }: { steps?: { title: string; minutes: number }[] }) {
  return <ol>{steps.map((step) => <li>{step.title} <small>{plural(step.minutes, "minute")}</small></li>)}</ol>;
}
`,
  "base/card.tsx": `import { Page, Facts } from "../components/layout.tsx";
import { shorten } from "../lib/text.ts";

export interface Attributes { title?: string; name?: string; summary?: string; [key: string]: unknown }

export class Card {
  static fields: Record<string, string> = { title: "string", summary: "text" };
  static facts(_: Attributes): [string, unknown][] { return []; }
  static body(_: Attributes): unknown { return null; }

  static title(a: Attributes) { return a.title ?? a.name ?? "Untitled"; }
  static isolated(a: Attributes) {
    return <Page title={this.title(a)}><p>{a.summary}</p><Facts facts={this.facts(a)} />{this.body(a)}</Page>;
  }
  static embedded(a: Attributes) { return <section class="card"><h2>{this.title(a)}</h2><p>{shorten(a.summary)}</p></section>; }
  static fitted(a: Attributes) { return <section class="fitted"><b>{this.title(a)}</b></section>; }
  static atom(a: Attributes) { return <span class="atom">{this.title(a)}</span>; }
  static head(a: Attributes) { return <><title>{this.title(a)}</title><meta name="description" content={shorten(a.summary, 150)} /></>; }
  static icon = <svg viewBox="0 0 16 16"><rect width="16" height="16" rx="2" /></svg>;
}
`,
  "base/dated.tsx": `import { Card, type Attributes } from "./card.tsx";
import { day } from "../lib/format.ts";

export class Dated extends Card {
  static fields = { ...Card.fields, date: "date" };
  static facts(a: Attributes): [string, unknown][] { return [...super.facts(a), ["Date", day(a.date as string)]]; }
}
`,
  "base/tagged.tsx": `import { Dated } from "./dated.tsx";
import type { Attributes } from "./card.tsx";
import { Tags } from "../components/list.tsx";

export class Tagged extends Dated {
  static fields = { ...Dated.fields, tags: "string[]" };
  static body(a: Attributes) { return <Tags tags={a.tags as string[]} />; }
}
`,
  "base/index.ts": `export * from "./card.tsx";
export * from "./dated.tsx";
export * from "./tagged.tsx";
`,
};

/** What the classes of cards show, beside what their base does. */
const KINDS = [
  ["Person", "Card", "<a href={`mailto:${a.email}`}>{a.email as string}</a>", '["Born", day(a.born as string)], ["City", (a.address as any)?.city]'],
  ["Article", "Tagged", "<>{super.body(a)}{(a.paragraphs as string[] ?? []).map((text) => <p>{text}</p>)}</>", '["Author", a.author]'],
  ["Recipe", "Tagged", "<><Steps steps={a.steps as any} />{super.body(a)}</>", '["Serves", a.serves], ["Steps", (a.steps as unknown[])?.length]'],
  ["Product", "Card", "<p class=\"price\">{money(a.price as number)}</p>", '["Weight", (a.size as any)?.weight], ["Stock", a.stock]'],
  ["Event", "Dated", "<p>{shorten(a.place as string, 40)}</p>", '["Seats", a.seats]'],
];

function kindModule(index) {
  const [name, base, body, facts] = KINDS[index % KINDS.length];
  const kind = `${name}${index < KINDS.length ? "" : Math.floor(index / KINDS.length) + 1}`;
  // Every third one extends the one before it of its own sort, so that chains of types are of several lengths.
  const before = index - KINDS.length;
  const isDerived = before >= 0 && Math.floor(index / KINDS.length) % 3 === 1;
  const parent = isDerived ? `${name}${before < KINDS.length ? "" : Math.floor(before / KINDS.length) + 1}` : base;
  const from = isDerived ? `./${parent.toLowerCase()}.tsx` : "../base/index.ts";
  const source = `import { ${parent} as Base } from "${from}";
import { day, money } from "../lib/format.ts";
import { shorten, slug } from "../lib/text.ts";
import { Steps } from "../components/list.tsx";

export class ${kind} extends Base {
  static fields = { ...Base.fields, kind: ${JSON.stringify(kind)} };
  static facts(a: any): [string, unknown][] { return [...super.facts(a), ${facts}]; }
  static body(a: any): unknown { return ${body}; }
  static fitted(a: any) { return <section class="fitted" id={slug(this.title(a))} data-kind={${JSON.stringify(kind)}}>{this.title(a)}</section>; }
  static searchDocument(a: any) { return { ...a, kind: ${JSON.stringify(kind)}, slug: slug(this.title(a)) }; }
}

export const helpers = { day, money, shorten, Steps };
`;
  return { kind, path: `cards/${kind.toLowerCase()}.tsx`, source };
}

function attributesOf(kind, n, next) {
  const pick = (list) => list[Math.floor(next() * list.length)];
  const words = (count) => Array.from({ length: count }, () => pick(WORDS)).join(" ");
  const many = (most, make) => Array.from({ length: Math.floor(next() * (most + 1)) }, (_, i) => make(i));
  const date = () => new Date(Date.UTC(1990 + Math.floor(next() * 40), Math.floor(next() * 12), 1 + Math.floor(next() * 28))).toISOString();
  const common = { summary: `${words(5 + Math.floor(next() * 25))}.` };
  switch (kind.replace(/\d+$/, "")) {
    case "Person":
      return { name: `${pick(NAMES)} ${pick(WORDS)} ${n}`, ...common, email: `person-${n}@example.test`, born: date(), address: { city: pick(WORDS), country: { code: pick(["NL", "DE", "JP"]) } } };
    case "Article":
      return { title: `On ${words(3)} (${n})`, ...common, date: date(), author: pick(NAMES), tags: many(5, () => pick(WORDS)), paragraphs: many(6, () => `${words(30)}.`), views: Math.floor(next() * 1e6), published: next() < 0.8 };
    case "Recipe":
      return { title: `${words(2)} soup ${n}`, ...common, date: date(), serves: 1 + Math.floor(next() * 8), tags: many(3, () => pick(WORDS)), steps: many(8, (i) => ({ title: `Step ${i + 1}: ${words(4)}`, minutes: 1 + Math.floor(next() * 40) })) };
    case "Product":
      return { title: `${words(2)} ${n}`, ...common, price: Math.round(next() * 1e5) / 100, stock: Math.floor(next() * 500), size: { weight: Math.round(next() * 100) / 10, box: [1, 2, 3].map(() => Math.floor(next() * 90)) }, discontinued: next() < 0.1 ? true : null };
    default:
      return { title: `${words(2)} day ${n}`, ...common, date: date(), place: words(6), seats: next() < 0.2 ? undefined : Math.floor(next() * 300) };
  }
}

/** The files of the realm, as pairs of path and text. */
export function* cards({ documents = 2000, modules = 40 } = {}) {
  if (!(modules >= LEAST_MODULES)) throw new RangeError(`a realm of cards has ${LEAST_MODULES} modules or more, not ${modules}`);
  yield ["realm.json", `${JSON.stringify({ name: "Realm of cards" }, null, 2)}\n`];
  yield* Object.entries(FIXED);
  const kinds = Array.from({ length: modules - Object.keys(FIXED).length }, (_, i) => kindModule(i));
  for (const { path, source } of kinds) yield [path, source];
  yield ["index.html", "<!doctype html>\n<title>Realm of cards</title>\n<meta name=\"description\" content=\"Made by tests/corpus/cards.mjs\">\n<h1>Realm of cards</h1>\n"];

  const next = random(20261123);
  const path = (n) => `documents/${String(Math.floor(n / 100)).padStart(3, "0")}/${String(n).padStart(5, "0")}.json`;
  for (let n = 0; n < documents; n += 1) {
    const { kind, path: module } = kinds[Math.floor(next() * kinds.length)];
    const attributes = attributesOf(kind, n, next);
    const other = n === 0 ? null : `/${path(Math.floor(next() * n))}`.replace(/^\/documents/, "..").replace(/\.json$/, "");
    const document = {
      data: {
        type: "card",
        attributes,
        relationships: { related: { links: { self: other } } },
        meta: { adoptsFrom: { module: `../../${module}`, name: kind } },
      },
    };
    yield [path(n), `${JSON.stringify(document, null, 2)}\n`];
  }
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { documents: { type: "string", default: "2000" }, modules: { type: "string", default: "40" } },
  });
  const [folder] = positionals;
  const [documents, modules] = [Number(values.documents), Number(values.modules)];
  if (folder === undefined || positionals.length > 1 || !Number.isInteger(documents) || documents < 0 || !Number.isInteger(modules) || modules < LEAST_MODULES) {
    console.error(`usage: node tests/corpus/cards.mjs DIR [--documents 2000] [--modules 40], with ${LEAST_MODULES} modules or more`);
    process.exit(2);
  }
  let files = 0;
  for (const [path, text] of cards({ documents, modules })) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    files += 1;
  }
  console.error(`${files} files in ${folder}: ${modules} modules, ${documents} documents`);
}
