#include <stdio.h>
#include <readline/readline.h>
#include <readline/history.h>

/* Readline is set up through globals, which Swift cannot see as safe; these are the few assignments. */
static inline void tfs_readline_configure(rl_completion_func_t *_Nonnull complete) {
    rl_readline_name = "tfs";
    rl_attempted_completion_function = complete;
    /* Not `/`: a path in a string may begin with it. */
    rl_completer_word_break_characters = (char *)" \t\n\"()[]{},;:=+-*%@<>|&!?^$";
    rl_completer_quote_characters = "\"";
    rl_completion_append_character = '\0';
    rl_catch_signals = 0;
    history_comment_char = '#';
    history_write_timestamps = 1;
    history_multiline_entries = 1;
}
static inline void tfs_readline_only_ours(void) { rl_attempted_completion_over = 1; rl_completion_append_character = '\0'; }
static inline const char *_Nullable tfs_readline_buffer(void) { return rl_line_buffer; }
static inline void tfs_readline_bind(void) {
    rl_variable_bind("enable-bracketed-paste", "on");
    rl_variable_bind("blink-matching-paren", "on");
}
static inline const char *_Nullable tfs_readline_last_entry(void) {
    HIST_ENTRY *entry = history_get(history_base + history_length - 1);
    return entry ? entry->line : NULL;
}
