// Datasets: tables of named columns, the encoding of their features and labels as arrays, and lazy streams of
// elements. It reads no files itself and draws every random number from a seed that the caller names.
