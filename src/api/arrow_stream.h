#pragma once

#include <memory>

#include "api/arrow_abi.h"
#include "report/data_table.h"

namespace sinkscope {

// Hands a table to whoever reads Apache Arrow (pyarrow, polars, duckdb, ...), as a stream of one record batch.
//
// Integers are int64, numbers float32, flags bool, texts utf8 (utf8_text); what is not measured is null. Each field's
// metadata has its unit and its help.
// table   numbers are not copied: the stream and what is read of it keep the table alive
// stream  is filled; whoever gets it calls stream->release
// cost    copies texts, and makes the bitmaps of nulls, when the batch is asked for
void export_arrow(std::shared_ptr<const DataTable> table, ArrowArrayStream* stream);

}  // namespace sinkscope
