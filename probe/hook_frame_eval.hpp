// The "frame_eval" hook: frame evaluation (PEP 523), 3.9 to 3.11.
//
// The interpreter hands every Python frame to our function, which lets the evaluation run that was
// set before. C functions cost nothing, a frame that is not recorded one look-up. Set for the whole
// interpreter. Under the GIL; kept over forks.
//
// On 3.11 Python calls use the C stack while an evaluation function is set. Where a thread has used
// a quarter of its stack, evaluation is handed back until that frame ends; what is called
// meanwhile, on any thread, is not seen.
#pragma once

namespace kolo::probe {

/// Whether this interpreter is one for which the hook is made.
[[nodiscard]] bool is_frame_eval_known() noexcept;
/// False where it cannot be set.
[[nodiscard]] bool set_frame_eval_hook(bool does_nothing) noexcept;
/// Says, once, when another function stands in ours' place and does not call it.
void notice_replaced_frame_eval_hook() noexcept;
/// Gives back what was set before, unless somebody has set another function since.
void remove_frame_eval_hook() noexcept;

}  // namespace kolo::probe
