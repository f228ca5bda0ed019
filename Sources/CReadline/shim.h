#include <stdio.h>
#include <readline/readline.h>
#include <readline/history.h>

/* Readline is set up through globals, which Swift cannot see as safe; these are the few assignments. */
static inline void tfs_readline_configure(rl_completion_func_t *_Nonnull complete, rl_cpvfunc_t *_Nonnull breaks) {
    rl_readline_name = "tfs";
    rl_attempted_completion_function = complete;
    rl_completion_word_break_hook = breaks;
    rl_completion_append_character = '\0';
    /* Quotes are ours to close. */
    rl_basic_quote_characters = "";
    /* What fits best comes first. */
    rl_sort_completion_matches = 0;
    rl_catch_signals = 0;
    /* COLUMNS stays as whoever started tfs has set it, or not there. */
    rl_change_environment = 0;
    history_comment_char = '#';
    history_write_timestamps = 1;
    history_multiline_entries = 1;
    /* The user's own inputrc, which is read after this, may say otherwise. */
    rl_variable_bind("blink-matching-paren", "on");
    rl_variable_bind("show-all-if-ambiguous", "on");
}
/* The characters before which a word begins: in code, in a string or command's argument that may hold spaces. */
static inline char *_Nonnull tfs_readline_code_breaks(void) { return (char *)" \t\n\"()[]{},;:=+-*/%@<>|&!?^$."; }
static inline char *_Nonnull tfs_readline_string_breaks(void) { return (char *)"\"/"; }
static inline char *_Nonnull tfs_readline_argument_breaks(void) { return (char *)" \t/"; }

/* No file names where there is nothing of ours. */
static inline void tfs_readline_only_ours(void) {
    rl_attempted_completion_over = 1;
    rl_completion_append_character = '\0';
}
static inline const char *_Nullable tfs_readline_buffer(void) { return rl_line_buffer; }
static inline int tfs_readline_point(void) { return rl_point; }
static inline int tfs_readline_history_count(void) { return history_length; }
static inline const char *_Nullable tfs_readline_last_entry(void) {
    HIST_ENTRY *entry = history_get(history_base + history_length - 1);
    return entry ? entry->line : NULL;
}
