" Scripts of tfs by their extension, with the comments that they have.
autocmd BufRead,BufNewFile *.tfs setfiletype tfs | setlocal commentstring=#\ %s
