// Graphs: dtypes, shapes, the op registry (one row per op), flat graphs, gradients and rewriting. It computes
// nothing and touches no file; it imports CKernels for the names of kernels only.
