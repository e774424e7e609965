#pragma once

namespace sinkscope {

// From now on SIGINT and SIGTERM ask the program to stop at the next micro-batch; a second one ends it at once.
// A reader that goes away (SIGPIPE) shows as a failed write.
void watch_for_interrupts();

bool interrupted();

}  // namespace sinkscope
