#pragma once

// sinkscope as a library: all that other programs include.
//
//   Runtime        how models run in this process: threads, and what may be changed of the process. A value
//   Scanner        an open model: text in, ScannedText out
//   ScannedText    one text's tokens, sinks and arrays by layer and token. A value that shares its data
//   save, Results, merge  results files, the same that the program writes and reads
//   levels_of      clusters of sinks over many texts
//   table_of, Results::table  sinks as columns, and export_arrow, which hands them to data frames
//   scan_json, report_page, levels_json, explanation_json, ablation_json, protection_json  what the program writes, in memory
//   Scanner::loss, Scanner::capture  next-token losses, and what a run shows at named points
//   Scanner::protect       which tokens a cache must keep
//   Scanner::head_reach, save_pattern  which heads need a whole cache
//   Scanner::detector, save_detector, load_detector  a rule that names sinks by one block's output
//   Scanner::ablate        what those sinks do to the primary and to predictions, by taking them away
//   Scanner::explain, Results::explanation  which writes make a results file's sinks, and what their norm decides
//
// Everything is in namespace sinkscope. What goes wrong is thrown as Error, whose message is one line. There is no
// global state: two scanners may work on two threads, and one scanner on one thread at a time. docs/embedding.md has
// an example, and says more of lifetimes, threads and fork.
//
// To watch a run, or to change it, hand an Observer, or edits in RunOptions, to examine() (scan/examine.h) together
// with Scanner::model().
#include "api/arrow_stream.h"
#include "api/capture.h"
#include "api/names.h"
#include "api/protection.h"
#include "api/results.h"
#include "api/scanned_text.h"
#include "api/scanner.h"
#include "api/shown.h"
#include "api/thresholds.h"
#include "api/version.h"
#include "base/error.h"
#include "engine/llama/model.h"
#include "levels/levels.h"
#include "probe/change_rows.h"
#include "probe/edit.h"
#include "probe/hide_keys.h"
#include "scan/examine.h"
#include "sinks/detection.h"
#include "sinks/figures.h"
