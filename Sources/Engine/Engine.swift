// Engine: graph → program → results. It owns all memory, the threads, the kernels' calls and the random
// numbers; it imports Graphs and the C kernels and system libraries. Unsafe pointers live here and do not leave.
