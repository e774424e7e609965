#pragma once

#include <jinja/runtime.h>
#include <jinja/value.h>

// Names of llama.cpp's renderer that ours are written in: for the sources of this room that make nodes and values.
namespace sinkscope::jinja_names {

using jinja::cast_stmt;
using jinja::context;
using jinja::is_val;
using jinja::mk_val;
using jinja::statement_ptr;
using jinja::value;

}  // namespace sinkscope::jinja_names
