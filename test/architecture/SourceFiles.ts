import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

/** The package's own folder. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..")

/** One import or re-export of a file. */
export interface Import {
  /** A file below `src` for what is ours, as in `domain/Json.ts`; the specifier as it stands for the rest. */
  readonly target: string
  readonly own: boolean
  /** Nothing of it is left when types are erased. */
  readonly typeOnly: boolean
}

/** A file below `src`. */
export interface SourceFile {
  /** As in `domain/Json.ts`. */
  readonly name: string
  readonly imports: ReadonlyArray<Import>
  readonly exports: ReadonlyArray<string>
}

const isTypeOnly = (node: ts.ImportDeclaration | ts.ExportDeclaration): boolean => {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly
  const clause = node.importClause
  if (clause === undefined) return false
  if (clause.isTypeOnly) return true
  const { namedBindings } = clause
  return clause.name === undefined && namedBindings !== undefined && ts.isNamedImports(namedBindings) &&
    namedBindings.elements.length > 0 && namedBindings.elements.every((element) => element.isTypeOnly)
}

const exportedNames = (statement: ts.Statement): ReadonlyArray<string> => {
  const exported = ts.canHaveModifiers(statement) &&
    (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  if (!exported) return []
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => ts.isIdentifier(name) ? [name.text] : [])
  }
  const declares = ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)
  return declares && statement.name !== undefined ? [statement.name.text] : []
}

const read = (name: string): SourceFile => {
  const text = fs.readFileSync(path.join(root, "src", name), "utf8")
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const imports: Array<Import> = []
  const add = (specifier: string, typeOnly: boolean): void => {
    const own = specifier.startsWith(".")
    const target = own ? path.posix.join(path.posix.dirname(name), specifier.replace(/\.js$/, ".ts")) : specifier
    imports.push({ target, own, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const { moduleSpecifier } = node
      if (moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier)) {
        add(moduleSpecifier.text, isTypeOnly(node))
      }
      return
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      add(node.argument.literal.text, true)
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier !== undefined && ts.isStringLiteral(specifier)) add(specifier.text, false)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return { name, imports, exports: source.statements.flatMap(exportedNames) }
}

/** Every TypeScript file below `src`. */
export const sourceFiles = (): ReadonlyArray<SourceFile> =>
  fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
    .map((name) => name.split(path.sep).join("/"))
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map(read)
