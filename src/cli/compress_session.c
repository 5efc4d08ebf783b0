#include "cli/compress_session.h"

static const char command[] = "compress";

void compress_begin_stage(compress_session *s, const char *stage) {
    show_progress(s->o->quiet, s->stage, 1, 1);
    s->stage = stage;
    s->point = 0;
    s->n_points = 1;
    s->shown = 0;
    if (stage) show_progress(s->o->quiet, stage, 0, 1);
}

int compress_show(compress_session *s, int32_t done, int32_t steps) {
    const size_t all = s->n_points * (size_t)steps, at = s->point * (size_t)steps + (size_t)done;
    const size_t shown = (size_t)((uint64_t)1000 * at / all);

    if (shown != s->shown && at < all) show_progress(s->o->quiet, s->stage, at, all);
    s->shown = shown;
    return interrupted;
}

int compress_outcome(int st) {
    if (interrupted || st == SNNK_E_CANCELLED) return EXIT_CANCELLED;
    return st == SNNK_OK ? EXIT_OK : library_failed(command);
}
