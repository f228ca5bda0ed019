#ifndef TFS_FUSED_H
#define TFS_FUSED_H
#include "kernels.h"

/* Several element-wise ops as one pass over memory: the elements are taken in tiles that stay in L1, and each op is
   one kernel call on registers of a tile's length. Reductions of what was computed are folded in. */

TFS_ENUM tfs_step_kind {
    tfs_step_map,       /* y = op(a) */
    tfs_step_zip,       /* y = op(a, b) */
    tfs_step_select,    /* y = a ? b : c; `op` is the size of an element */
    tfs_step_cast,      /* y = a, from `dtype` to `op` */
    tfs_step_copy,      /* y = a; `op` is the size of an element */
    /* Of floats; bit 0 of `op`: a is one number, bit 1: c is. */
    tfs_step_multiply,           /* y = a · b */
    tfs_step_multiply_add,       /* y = a · b + c */
    tfs_step_multiply_subtract,  /* y = a · b - c */
    tfs_step_subtract_product,   /* y = c - a · b */
    tfs_step_add_products,       /* y = a · b + c · d */
    tfs_step_subtract_quotient,  /* y = c - a / b */
    tfs_step_uniform,            /* y = draws in [0, 1) of the dtype by the key a */
    tfs_step_native,             /* several steps: the function of number `op` */
};

/* Works on elements first ..< end of registers, or of the operands of a whole loop. */
typedef void (*tfs_native)(void *_Nonnull const *_Nonnull table, size_t first, size_t end);

/* One op. y and a to d are registers: the inputs first, then whatever steps write. */
typedef struct {
    enum tfs_step_kind kind;
    enum tfs_dtype dtype;       /* of the arguments */
    uint32_t op;                /* a tfs_map or tfs_zip, or as said at the kind */
    uint32_t y, a, b, c, d;
} tfs_step;

TFS_ENUM tfs_access_kind {
    tfs_access_dense,           /* element i of the loop */
    tfs_access_scalar,          /* the one element, in each place of a tile */
    tfs_access_single,          /* the one element, of which a step knows */
    tfs_access_view,            /* where a walk over `shape` by `strides` is at element i */
    tfs_access_scratch,         /* memory of the tile: what only steps see */
};

/* Where a register's elements are. Outputs are dense. */
typedef struct {
    enum tfs_access_kind kind;
    uint32_t size;              /* bytes of an element */
    uint32_t operand;           /* which pointer */
    uint32_t rank;              /* of a view, whose sizes and strides lie in `walks` from `walk` on */
    size_t walk;
    ptrdiff_t offset;           /* of a view: where it begins, in elements */
    size_t scratch;             /* of what is not dense: its place in the tile's memory, in bytes per element */
} tfs_access;

TFS_ENUM tfs_fold_kind {
    tfs_fold_all,               /* everything to one element */
    tfs_fold_rows,              /* each row of `columns` elements to one */
    tfs_fold_columns,           /* all rows to one */
};

/* A reduction of a register. */
typedef struct {
    enum tfs_fold_kind kind;
    enum tfs_dtype dtype;
    enum tfs_reduce op;
    enum tfs_zip combine;       /* the same for two partial results */
    uint32_t source;
    uint32_t operand;           /* where the (partial) result goes */
} tfs_fold;

/* The whole loop. `tile` elements are taken at a time; with `columns` > 0 a tile is whole rows of as many elements,
   or a part of one row. Scratch takes at most TFS_FUSED_SCRATCH bytes. */
typedef struct {
    const tfs_step *_Nullable steps;
    const tfs_access *_Nullable registers;
    const tfs_fold *_Nullable folds;
    const ptrdiff_t *_Nullable walks;   /* for each view its shape, then its strides */
    const tfs_native _Nonnull *_Nullable natives;
    tfs_native _Nullable whole;         /* what does all that there is to do */
    size_t step_count, register_count, fold_count, tile, columns;
} tfs_fused_code;
/* Elements between registers. */
enum { TFS_FUSED_SKEW = 208 };
enum { TFS_FUSED_SCRATCH = 256 * 1024, TFS_FUSED_REGISTERS = 192 };

#pragma clang assume_nonnull begin
/* Elements first ..< first + n of the step of that number. `operands` are the memory of inputs, outputs and folds; folds
   begin anew. With `columns`, first is at the start of a row, and so is the end. */
void tfs_fused(const tfs_fused_code *code, void *_Nonnull const *_Nonnull operands, size_t first, size_t n, uint64_t number);
#pragma clang assume_nonnull end
#endif
