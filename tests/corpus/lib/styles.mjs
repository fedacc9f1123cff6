// Bootstrap's style sheets: what `sass` gives, and the one normaliser that both outputs go through.
//
// Two Sass compilers that agree still differ in how they write a value down. The normaliser parses both outputs with
// postcss and rewrites exactly this, and nothing else, before they are compared line by line in cascade order:
//
// 1. white space, `;` and indentation, which mean nothing in CSS; upper or lower case of at-rule and property names;
// 2. comments, `@charset` and rules without declarations: none of them styles anything (the answer's charset is in its
//    content type, and whether an empty rule is printed differs between versions of Sass itself);
// 3. numbers: `.5` is `0.5`, `1.50` is `1.5`, `+1` is `1`, ten digits at most after the point (Sass's own precision);
// 4. colours given by numbers, in SVG data addresses too: `#FFF`, `#ffffff`, `rgb(255, 255, 255)`, `rgb(100%, 100%, 100%)`
//    are one colour, with channels in whole numbers;
// 5. strings: the kind of quote.
//
// One thing cannot be normalised in either text alone. Since 1.79 `sass` keeps the fractions of a computed colour's
// channels; before, and in what follows that version of the language, each function rounds to whole numbers, so that a
// colour mixed from a mixed one may end one step of 255 beside. Such a step in a channel is no difference, but it is
// counted: the run says how many there were, and fails when there are more than a few.
import path from 'node:path';

const DIGITS = 10;
const STEPS_AT_MOST = 20;

export function compile(sass, file) {
  return sass.compile(file, {
    style: 'expanded',
    loadPaths: [path.dirname(file)],
    charset: false,
    // Bootstrap 5 still uses @import and global functions; what is deprecated there is not our subject.
    logger: sass.Logger.silent,
  }).css;
}

/// The canonical lines of a style sheet: `<at-rules> | <selectors> { <property>: <value> }`, one declaration each.
export function normalise(tools, css) {
  const lines = [];
  const value = (text) => valueOf(tools, text);
  const enter = (container, context) => {
    for (const node of container.nodes ?? []) {
      if (node.type === 'comment') continue;
      if (node.type === 'decl') {
        const property = node.prop.startsWith('--') ? node.prop : node.prop.toLowerCase();
        lines.push(`${context} { ${property}: ${value(node.value)}${node.important ? ' !important' : ''} }`);
      } else if (node.type === 'rule') {
        enter(node, `${context} | ${selector(tools, node.selector)}`);
      } else {
        const name = node.name.toLowerCase();
        if (name === 'charset') continue;
        const rule = `${context} @${name} ${value(node.params)}`.trimEnd();
        if (node.nodes) enter(node, rule);
        else lines.push(`${rule};`);
      }
    }
  };
  enter(tools.postcss.parse(css), '');
  return lines;
}

/// Differences between an answer and the reference, as `[kind, detail]` (none when they agree), and how many
/// declarations have a colour one step beside.
export function compareStyles(tools, answer, expected) {
  const want = normalise(tools, expected);
  if (want.length === 0) throw new Error('the reference has no declarations');
  let got;
  try {
    got = normalise(tools, answer);
  } catch (error) {
    return { problems: [['syntax', `postcss: ${error.message}`]], steps: 0 };
  }
  const problems = [];
  let steps = 0;
  const differing = [];
  want.forEach((line, index) => {
    if (line === got[index]) return;
    if (got[index] !== undefined && stepBeside(line, got[index])) steps += 1;
    else differing.push(index);
  });
  if (differing.length) {
    const [at] = differing;
    const where = `declaration ${at + 1} of ${want.length} (${differing.length} differ in place)`;
    problems.push(['css', `${where}\n    sass:  ${want[at]}\n    realm: ${got[at] ?? '(the end)'}`]);
  } else if (got.length > want.length) {
    problems.push(['css', `${got.length - want.length} declarations too many: ${got[want.length]}`]);
  }
  if (steps > STEPS_AT_MOST) problems.push(['css', `${steps} declarations have a colour one step beside`]);
  return { problems, steps };
}

const COLOUR = /rgba\((\d+),(\d+),(\d+),/g;

/// Whether two lines are the same but for colours, channels of which are at most 1 apart.
function stepBeside(a, b) {
  if (a.replace(COLOUR, 'rgba(') !== b.replace(COLOUR, 'rgba(')) return false;
  const channels = (line) => [...line.matchAll(COLOUR)].flatMap((match) => match.slice(1).map(Number));
  const others = channels(b);
  return channels(a).every((channel, index) => Math.abs(channel - others[index]) <= 1);
}

function selector(tools, text) {
  const parsed = tools.valueParser(text);
  parsed.walk(strings);
  return parsed.toString().replace(/\s+/g, ' ').replace(/\s*([>+~,])\s*/g, '$1').trim();
}

function valueOf(tools, text) {
  const parsed = tools.valueParser(text.trim());
  parsed.walk((node) => {
    if (node.type === 'comment') Object.assign(node, { type: 'space', value: ' ' });
    else if (node.type === 'space') node.value = ' ';
    else if (node.type === 'div') Object.assign(node, { before: '', after: '' });
    else if (node.type === 'word') node.value = word(node.value);
    else if (node.type === 'function') {
      Object.assign(node, { before: '', after: '' });
      // What is inside url(…) is an address, not a value.
      if (node.value.toLowerCase() === 'url') {
        node.nodes.forEach(address);
        return false;
      }
      const colour = rgb(node);
      if (colour) Object.assign(node, { type: 'word', value: colour, nodes: undefined });
    } else strings(node);
  });
  return parsed.toString();
}

function strings(node) {
  if (node.type !== 'string' || node.quote === '"') return;
  Object.assign(node, { quote: '"', value: node.value.replaceAll("\\'", "'").replaceAll('"', '\\"') });
}

/// An SVG in a data address has its `#`, `(` and `)` escaped, so that its colours are not seen as such.
function address(node) {
  strings(node);
  if (!node.value.startsWith('data:image/svg+xml')) return;
  node.value = node.value
    .replace(/%23[0-9a-f]{3,8}\b/gi, (text) => word(`#${text.slice(3)}`))
    .replace(/rgba?%28([\d.,%\s]*?)%29/gi, (text, inner) => numbers(inner.split(',')) ?? text);
}

function word(text) {
  const hex = /^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/i.exec(text);
  if (hex) {
    const digits = hex[1].length < 5 ? hex[1].replace(/./g, '$&$&') : hex[1];
    const [r, g, b, a] = digits.match(/../g).map((pair) => parseInt(pair, 16));
    return colourOf(r, g, b, a === undefined ? 1 : a / 255);
  }
  const number = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)([a-z%]*)$/i.exec(text);
  return number ? numberOf(number[1]) + number[2] : text;
}

/// `rgb(…)` and `rgba(…)` whose arguments are all numbers or per cents; null for any other function.
function rgb(node) {
  if (!/^rgba?$/i.test(node.value)) return null;
  const parts = node.nodes.filter(({ type }) => type !== 'space' && type !== 'div');
  return parts.every(({ type }) => type === 'word') ? numbers(parts.map(({ value }) => value)) : null;
}

function numbers(parts) {
  const channels = parts.map((text, index) => {
    const [, number, cent] = /^\s*([+-]?[\d.]+)(%?)\s*$/.exec(text) ?? [];
    if (!cent) return Number(number);
    return Number(number) * (index < 3 ? 2.55 : 0.01);
  });
  return channels.length < 3 || channels.length > 4 || channels.some(Number.isNaN) ? null : colourOf(...channels);
}

function colourOf(r, g, b, a = 1) {
  // Six digits first: a per cent was cut at ten digits, which must not push a half below the half.
  return `rgba(${[r, g, b].map((channel) => Math.round(Number(channel.toFixed(6)))).join(',')},${numberOf(a)})`;
}

/// `Number` prints the shortest form; the sum takes the sign off a negative zero.
const numberOf = (text) => String(Number(Number(text).toFixed(DIGITS)) + 0);
