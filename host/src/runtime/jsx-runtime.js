// What compiled JSX imports (`realm/jsx-runtime`): elements whose string form is HTML. Browsers and prerenderers get this
// same file. A string is text and is escaped; markup is JSX, or `raw(html)` where an author vouches for it.
//
// Everything built in that it uses is taken before any module of a realm runs, so that none of them can change how text is
// escaped: no method is looked up, and nothing that a prototype could answer for is read, once this has loaded.

const uncurry = Function.prototype.bind.bind(Function.prototype.call);
const exec = uncurry(RegExp.prototype.exec);
const slice = uncurry(String.prototype.slice);
const toLowerCase = uncurry(String.prototype.toLowerCase);
const startsWith = uncurry(String.prototype.startsWith);
const charCodeAt = uncurry(String.prototype.charCodeAt);
const { isArray } = Array;
const { keys, freeze } = Object;
const { iterator } = Symbol;
const text = String;
const Wrong = TypeError;

/** A set of words that no prototype adds to. */
function words(list) {
  const set = { __proto__: null };
  for (const word of list.split(" ")) set[word] = true;
  return set;
}

const VOID = words("area base br col embed hr img input link meta param source track wbr");
const URLS = words("href src action formaction xlink:href poster data cite background ping manifest codebase longdesc usemap profile classid archive icon to from by values");
// Attributes that say `true` and `false`, where others are there or not.
const ENUMERATED = words("contenteditable draggable spellcheck autocapitalize autocorrect focusable preserveAlpha externalResourcesRequired");
const UNITLESS = words("animationIterationCount aspectRatio borderImageOutset borderImageSlice borderImageWidth columnCount columns fillOpacity flex flexGrow flexShrink floodOpacity fontWeight gridArea gridColumn gridColumnEnd gridColumnStart gridRow gridRowEnd gridRowStart lineClamp lineHeight opacity order orphans scale stopOpacity strokeDasharray strokeDashoffset strokeMiterlimit strokeOpacity strokeWidth tabSize widows zIndex zoom");
const TAG = /^[a-z][-a-z0-9.:_]*$/i;
const ATTRIBUTE = /^[a-z_:@][-a-z0-9_:.@]*$/i;
const PROPERTY = /^-{0,2}[a-z_][-a-z0-9_]*$/i;
const UPPER = /[A-Z]/g;
const MICROSOFT = /^ms[A-Z]/;
const IN_TEXT = /[&<>]/g;
const IN_ATTRIBUTE = /[&<>"]/g;
const ENTITIES = { __proto__: null, "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
// What ends a `<script>`, or changes how its end is looked for; and in a `<style>` whatever begins markup, which it is inside
// of an `<svg>`.
const IN_SCRIPT = /<(?=\/?script|!--)/gi;
const IN_STYLE = /<(?=[a-z/!?])/gi;
const SAFE_DATA = /^data:(?:(?:image|audio|video|font)\/|text\/(?:plain|css)[;,]|[;,])/;
const NAMES = {
  __proto__: null,
  className: "class", htmlFor: "for", acceptCharset: "accept-charset", httpEquiv: "http-equiv",
  defaultValue: "value", defaultChecked: "checked",
  xlinkHref: "xlink:href", xlinkTitle: "xlink:title", xmlLang: "xml:lang", xmlSpace: "xml:space", xmlnsXlink: "xmlns:xlink",
};
for (const name of ("alignmentBaseline baselineShift clipPath clipRule colorInterpolation colorInterpolationFilters " +
  "dominantBaseline fillOpacity fillRule floodColor floodOpacity fontFamily fontSize fontStyle fontVariant fontWeight " +
  "imageRendering letterSpacing lightingColor markerEnd markerMid markerStart paintOrder pointerEvents shapeRendering " +
  "stopColor stopOpacity strokeDasharray strokeDashoffset strokeLinecap strokeLinejoin strokeMiterlimit strokeOpacity " +
  "strokeWidth textAnchor textDecoration textRendering transformOrigin unicodeBidi vectorEffect wordSpacing writingMode").split(" ")) {
  NAMES[name] = kebab(name);
}

/** Replaces each match of `pattern`, which has the flag `g`; without `replace`, whose parts a realm could have changed. */
function each(value, pattern, by) {
  let out = "";
  let from = 0;
  pattern.lastIndex = 0;
  for (let match; (match = exec(pattern, value)) !== null; ) {
    out += slice(value, from, match.index) + by(match[0]);
    from = match.index + match[0].length;
  }
  return from === 0 ? value : out + slice(value, from);
}

function entity(character) {
  return ENTITIES[character];
}

function kebab(name) {
  return each(name, UPPER, (letter) => "-" + toLowerCase(letter));
}

/** The first characters of a URL as browsers read them, which skip control characters and blanks. */
function bare(url) {
  let out = "";
  for (let i = 0; i < url.length && out.length < 40; i += 1) {
    const code = charCodeAt(url, i);
    if (code > 32 && (code < 127 || code > 160)) out += url[i];
  }
  return toLowerCase(out);
}

/** Whether following `url` would run what it says. */
function runs(url) {
  const start = bare(url);
  return startsWith(start, "javascript:") || startsWith(start, "vbscript:") ||
    (startsWith(start, "data:") && exec(SAFE_DATA, start) === null);
}

function safeUrl(name, url) {
  if (name !== "values" && name !== "ping") return runs(url) ? "about:blank#blocked" : url;
  // Lists, of which every item counts.
  let from = 0;
  for (let i = 0; i <= url.length; i += 1) {
    if (i === url.length || url[i] === ";" || url[i] === " ") {
      if (runs(slice(url, from, i))) return "about:blank#blocked";
      from = i + 1;
    }
  }
  return runs(url) ? "about:blank#blocked" : url;
}

/** Whether a value stays within its declaration: nothing outside of quotes and brackets ends it, and all of them close. */
function isOneValue(value) {
  let quote = "";
  let depth = 0;
  for (let i = 0; i < value.length; i += 1) {
    const character = value[i];
    if (character === "\\") i += 1;
    else if (character === "\n" && quote !== "") return false;
    else if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === "{" || character === "}" || (character === ";" && depth === 0)) return false;
    else if (character === "/" && value[i + 1] === "*") return false;
    if (depth < 0) return false;
  }
  return quote === "" && depth === 0 && value[value.length - 1] !== "\\";
}

function style(declarations) {
  let out = "";
  const names = keys(declarations);
  for (let i = 0; i < names.length; i += 1) {
    const name = names[i];
    const value = declarations[name];
    if (value === null || value === undefined || typeof value === "boolean" || value === "") continue;
    if (exec(PROPERTY, name) === null) throw new Wrong(`\`${name}\` is no name of a style property`);
    const isCustom = startsWith(name, "--");
    const written = typeof value === "number" && value !== 0 && !isCustom && UNITLESS[name] !== true ? `${value}px` : text(value);
    // One that would begin another declaration is not written at all.
    if (!isOneValue(written)) continue;
    const property = isCustom ? name : kebab(exec(MICROSOFT, name) !== null ? `-${name}` : name);
    out += (out === "" ? "" : ";") + property + ":" + written;
  }
  return out;
}

function classes(list) {
  let out = "";
  for (let i = 0; i < list.length; i += 1) {
    if (list[i]) out += (out === "" ? "" : " ") + text(list[i]);
  }
  return out;
}

/** ` name="value"`, or nothing where the value means that it is not there. */
function attribute(tag, given, value) {
  if (given === "children" || given === "key" || given === "ref") return "";
  if (given === "dangerouslySetInnerHTML") throw new Wrong("there is no `dangerouslySetInnerHTML`: write `{raw(html)}` as a child, with `raw` of `realm/jsx-runtime`");
  if (value === null || value === undefined || typeof value === "function") return "";
  if (typeof given !== "string" || exec(ATTRIBUTE, given) === null) throw new Wrong(`\`${text(given)}\` of <${tag}> is no name of an attribute`);
  const name = NAMES[given] ?? given;
  const lower = toLowerCase(name);
  // Handlers: a page of a realm runs none, and data that is spread over an element must not be able to make one.
  if (startsWith(lower, "on")) return "";
  if (typeof value === "boolean") {
    if (startsWith(lower, "aria-") || startsWith(lower, "data-") || ENUMERATED[lower] === true) return ` ${name}="${value}"`;
    return value ? ` ${name}` : "";
  }
  if (typeof value === "symbol") throw new Wrong(`\`${given}\` of <${tag}> is given a symbol, which has no text`);
  let written;
  // A document within the document: text there is text, as it is in a child.
  if (lower === "srcdoc") written = render(value);
  else if (lower === "style" && typeof value === "object") written = style(value);
  else if (lower === "class" && isArray(value)) written = classes(value);
  else if (typeof value === "object" && value !== null && typeof value.then === "function") throw promise(`\`${given}\` of <${tag}>`);
  else written = text(value);
  if (written === "[object Object]") throw new Wrong(`\`${given}\` of <${tag}> is given an object, which has no text`);
  if (URLS[lower] === true) written = safeUrl(lower, written);
  return ` ${name}="${each(written, IN_ATTRIBUTE, entity)}"`;
}

function promise(where) {
  return new Wrong(`${where} is a promise: \`await\` it before it is shown, in an async function that gives the whole`);
}

/** What JSX gives. Its string form is the HTML. */
class Node {
  #tag;
  #open;
  #content;

  /** An element (`tag`, and `open`, its start tag), a component (`tag` a function), or markup (`tag` null). */
  constructor(tag, open, content) {
    this.#tag = tag;
    this.#open = open;
    this.#content = content;
  }

  static is(value) {
    return #tag in value;
  }

  static html(node) {
    const tag = node.#tag;
    if (tag === null) return node.#content;
    if (typeof tag === "function") return html(tag(node.#content));
    if (VOID[tag] === true) return node.#open;
    let inner;
    if (tag === "script" || tag === "style") {
      const pattern = tag === "script" ? IN_SCRIPT : IN_STYLE;
      inner = each(plain(node.#content), pattern, () => (tag === "script" ? "\\u003C" : "\\3C "));
    } else {
      inner = html(node.#content);
    }
    return `${node.#open}${inner}</${tag}>`;
  }

  toString() {
    return Node.html(this);
  }

  toJSON() {
    return Node.html(this);
  }
}
freeze(Node.prototype);
freeze(Node);

const { is: isNode, html: nodeHtml } = Node;

function walk(value, one) {
  let out = "";
  if (isArray(value)) {
    for (let i = 0; i < value.length; i += 1) out += one(value[i]);
    return out;
  }
  if (typeof value.then === "function") throw promise("what is to be shown");
  const begin = value[iterator];
  if (typeof begin !== "function") {
    throw new Wrong("an object is not something to show: name the part of it that is, or use `JSON.stringify`");
  }
  const items = uncurry(begin)(value);
  const { next } = items;
  const step = uncurry(next);
  for (let item = step(items); !item.done; item = step(items)) out += one(item.value);
  return out;
}

function show(value, one, string, node) {
  switch (typeof value) {
    case "string":
      return string(value);
    case "number":
    case "bigint":
      return `${value}`;
    case "boolean":
    case "undefined":
      return "";
    case "object":
      if (value === null) return "";
      return isNode(value) ? node(value) : walk(value, one);
    case "function":
      throw new Wrong(`a function is not something to show: call it, or write it as a component, <${componentName(value)} />`);
    default:
      throw new Wrong(`a ${typeof value} is not something to show`);
  }
}

function componentName(value) {
  const { name } = value;
  return typeof name === "string" && name !== "" ? name : "Name";
}

function escapeText(value) {
  return each(value, IN_TEXT, entity);
}

function same(value) {
  return value;
}

function html(value) {
  return show(value, html, escapeText, nodeHtml);
}

/** The text of a script or a style sheet, in which there are no entities. */
function plain(value) {
  return show(value, plain, same, nodeHtml);
}

/** HTML of anything that JSX can hold: text is escaped. */
export function render(value) {
  return html(value);
}

/** Markup as it stands. Only for what its author vouches for: nothing in it is escaped. */
export function raw(markup) {
  if (typeof markup !== "string") throw new Wrong(`\`raw\` takes a string, not ${markup === null ? "null" : `a value of type ${typeof markup}`}`);
  return new Node(null, "", markup);
}

/** `<>…</>`. */
export function Fragment(props) {
  return props.children;
}

/** `<type {...props} />`. */
export function jsx(type, props) {
  if (typeof type === "function") return new Node(type, "", props ?? { __proto__: null });
  if (typeof type !== "string") {
    throw new Wrong(`a component is ${type === null ? "null" : typeof type}, not a function: is it exported under this name, and imported from the right module?`);
  }
  if (exec(TAG, type) === null) throw new Wrong(`\`${type}\` is no name of an element`);
  const lower = toLowerCase(type);
  const tag = lower === "script" || lower === "style" || VOID[lower] === true ? lower : type;
  let open = `<${tag}`;
  let children;
  if (props !== null && props !== undefined) {
    const names = keys(props);
    for (let i = 0; i < names.length; i += 1) {
      const name = names[i];
      if (name === "children") children = props[name];
      else open += attribute(tag, name, props[name]);
    }
  }
  if (VOID[tag] === true && children !== undefined && children !== null && children !== false) throw new Wrong(`<${tag}> has no children`);
  return new Node(tag, open + ">", children);
}

export { jsx as jsxs, jsx as jsxDEV };
