// Language: the evaluator. Names are resolved to slots and the tree is compiled to a register bytecode; one
// virtual machine runs it, and the check is the same machine on tensors that have a shape and no data. Values,
// scopes, functions, layers, estimators and the builtin verbs live here. It imports Syntax, Training and below.
