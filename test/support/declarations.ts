/** The declarations of the package, as the compiler of its user sees them. */

import ts from "typescript"

/** Strict settings for a program in Node; the DOM is there for AbortSignal and URL, as it is by default. */
const consumerOptions: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts"],
  types: [],
}

/** What `tsc` says of `files` and all declarations that they reach, one string for each error. */
export function typeErrors(files: readonly string[], options: ts.CompilerOptions = {}): string[] {
  const program = ts.createProgram(files, { ...consumerOptions, ...options })
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, "\n")
    return file ? `${file.fileName}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${message}` : message
  })
}

/** The functions that the modules export, and whether they have a doc comment. */
export function exportedFunctions(modules: readonly string[]): { name: string; documented: boolean }[] {
  const program = ts.createProgram(modules, consumerOptions)
  const checker = program.getTypeChecker()
  return modules.flatMap((module) => {
    const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(module)!)!)
    return exported.flatMap((alias) => {
      const symbol = alias.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(alias) : alias
      if (!(symbol.flags & ts.SymbolFlags.Function)) return []
      return { name: alias.name, documented: symbol.getDocumentationComment(checker).length > 0 }
    })
  })
}
