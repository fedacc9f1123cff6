// What a module looks like to the modules that import it, and whether two outputs of one source agree on that.

/// ES2022 is the target; a newer syntax is accepted only where `typescript`'s own output has it too.
const TARGET = 2022;

/// What the plugin gives `.tsx`: the automatic runtime, from where the contract (section 6) serves it.
const JSX_SOURCE = 'realm';

/// In a realm it always resolves, through the import map. `transpileModule` can resolve nothing, and keeps an import that
/// only a runtime which does not resolve would need.
const RUNTIME = {
  file: 'realm-jsx-runtime.d.ts',
  source: `declare module '${JSX_SOURCE}/jsx-runtime' { export const jsx: any, jsxs: any, Fragment: any; export namespace JSX {} }`,
};

/// `typescript`'s own output, one file at a time as the plugin sees it: what `transpileModule` does, in a program that has
/// nothing beside the file but the runtime's declaration.
export function reference(ts, file, source) {
  const options = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    jsx: ts.JsxEmit.ReactJSX,
    jsxImportSource: JSX_SOURCE,
    experimentalDecorators: true,
    // What `transpileModule` sets; but unchecked, `typescript` takes the tag `<svg>` for a use of an imported `svg`.
    noCheck: !file.endsWith('.tsx'),
    isolatedModules: true,
    noLib: true,
    noResolve: true,
    suppressOutputPathCheck: true,
    allowNonTsExtensions: true,
  };
  const parsed = (name, text) =>
    ts.createSourceFile(name, text, {
      languageVersion: options.target,
      setExternalModuleIndicator: ts.getSetExternalModuleIndicator(options),
      jsDocParsingMode: ts.JSDocParsingMode.ParseAll,
    });
  const input = parsed(file, source);
  const runtime = parsed(RUNTIME.file, RUNTIME.source);
  let output;
  const program = ts.createProgram([file, RUNTIME.file], options, {
    getSourceFile: (name) => [input, runtime].find(({ fileName }) => fileName === name),
    writeFile: (name, text) => {
      if (output !== undefined) throw new Error(`typescript writes ${name} as well`);
      output = text;
    },
    getDefaultLibFileName: () => 'lib.d.ts',
    useCaseSensitiveFileNames: () => true,
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => '',
    getNewLine: () => '\n',
    fileExists: (name) => name === file || name === RUNTIME.file,
    readFile: () => '',
    directoryExists: () => true,
    getDirectories: () => [],
  });
  const diagnostics = [...program.getSyntacticDiagnostics(), ...program.getOptionsDiagnostics()];
  diagnostics.push(...program.emit().diagnostics);
  const [first] = diagnostics;
  if (first) throw new Error(`typescript itself refuses it: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`);
  if (output === undefined) throw new Error('typescript itself writes nothing');
  return output;
}

/// Parses as the oldest of ES2022 and the newest ECMAScript; throws acorn's own error.
/// acorn also refuses a doubled export and an export of a name that is not declared.
export function parse(acorn, code, versions = [TARGET, 'latest']) {
  let problem;
  for (const ecmaVersion of versions) {
    try {
      return { ast: acorn.parse(code, { ecmaVersion, sourceType: 'module', locations: true }), ecmaVersion };
    } catch (error) {
      problem ??= error;
    }
  }
  throw problem;
}

/// Everything that another module, or a loader, can see of a parsed module.
export function shape(ast) {
  const seen = { exports: new Set(), imports: new Set(), specifiers: new Set() };
  const { exports, imports, specifiers } = seen;
  for (const node of ast.body) {
    const from = node.source?.value;
    if (from !== undefined && node.source !== null) specifiers.add(from);
    switch (node.type) {
      case 'ImportDeclaration':
        for (const part of node.specifiers) imports.add(`${imported(part)} from '${from}'`);
        break;
      case 'ExportAllDeclaration':
        exports.add(node.exported ? `${nameOf(node.exported)} = * from '${from}'` : `* from '${from}'`);
        break;
      case 'ExportDefaultDeclaration':
        exports.add('default');
        break;
      case 'ExportNamedDeclaration':
        for (const name of declared(node.declaration)) exports.add(name);
        for (const part of node.specifiers) {
          const name = nameOf(part.exported);
          exports.add(from === undefined ? name : `${name} = ${nameOf(part.local)} from '${from}'`);
        }
        break;
    }
  }
  // `import('./x')` anywhere inside is an edge of the module graph as well.
  visit(ast, (node) => {
    if (node.type === 'ImportExpression' && node.source.type === 'Literal') specifiers.add(`import(${node.source.value})`);
  });
  return seen;
}

/// Differences between an answer and the reference, as `[kind, detail]`; none when they agree.
export function compareModules(acorn, answer, expected) {
  const want = parse(acorn, expected);
  let got;
  try {
    got = parse(acorn, answer, want.ecmaVersion === TARGET ? [TARGET] : undefined);
  } catch (error) {
    return [['syntax', `acorn: ${error.message}: ${lineAt(answer, error.loc?.line)}`]];
  }
  const a = shape(got.ast);
  const b = shape(want.ast);
  const problems = [];
  for (const kind of Object.keys(a)) {
    const missing = [...b[kind]].filter((name) => !a[kind].has(name));
    const extra = [...a[kind]].filter((name) => !b[kind].has(name));
    const parts = [missing.length && `missing ${few(missing)}`, extra.length && `too many ${few(extra)}`].filter(Boolean);
    if (parts.length) problems.push([kind, parts.join('; ')]);
  }
  return problems;
}

/// Calls `seen` for each node of a syntax tree.
export function visit(node, seen) {
  seen(node);
  for (const key in node) {
    const value = node[key];
    if (Array.isArray(value)) {
      for (const item of value) if (typeof item?.type === 'string') visit(item, seen);
    } else if (typeof value?.type === 'string') visit(value, seen);
  }
}

/// An export or import name may be a string (`export { x as 'a-b' }`).
const nameOf = (node) => (node.type === 'Literal' ? node.value : node.name);

function imported(part) {
  if (part.type === 'ImportDefaultSpecifier') return 'default';
  return part.type === 'ImportNamespaceSpecifier' ? '*' : nameOf(part.imported);
}

function declared(declaration) {
  if (!declaration) return [];
  if (declaration.type !== 'VariableDeclaration') return [declaration.id.name];
  return declaration.declarations.flatMap(({ id }) => bound(id));
}

/// Names that a pattern binds: `export const { a, b: [c], ...d } = …` has three.
function bound(pattern) {
  switch (pattern?.type) {
    case 'Identifier': return [pattern.name];
    case 'ObjectPattern': return pattern.properties.flatMap((part) => bound(part.value ?? part.argument));
    case 'ArrayPattern': return pattern.elements.flatMap(bound);
    case 'AssignmentPattern': return bound(pattern.left);
    case 'RestElement': return bound(pattern.argument);
    default: return [];
  }
}

const lineAt = (text, line) => (line ? text.split('\n')[line - 1].trim().slice(0, 120) : '');

const few = (names) => names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
