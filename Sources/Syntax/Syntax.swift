// Syntax: text ⇄ tree. The lexer, the parser, the tree that keeps every range and comment, the printer,
// and diagnostics with their drawing. It imports nothing of ours; whoever finds an error throws a
// `Diagnostic` defined here, so that all of them are drawn by one renderer.
