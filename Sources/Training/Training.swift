// Training: the compiled training loop. It runs a step's program over batches, counts steps and epochs, decides when
// training is done, keeps the history and draws the progress. What a step computes is traced by Language; this
// module knows tensors and programs only. It imports Datasets, Engine and Graphs.
