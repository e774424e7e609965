#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "impact/head_reach.h"
#include "store/records.h"

namespace sinkscope {

inline constexpr std::string_view kDuoSchema = "sinkscope.duo/1";
inline constexpr std::string_view kDuoConfigName = "config.json";
inline constexpr std::string_view kDuoHeadsName = "full_attention_heads.tsv";

// DuoAttention's pattern of a model, as duo_attn.utils.load_attn_pattern and kvpress' DuoAttentionPress read it: of the
// folder config.json (sink_size, recent_size; here also where the pattern comes from) and full_attention_heads.tsv, n_layers
// rows of n_kv_heads numbers with tabs between them, 1: the head needs the whole cache. Equal figures give equal bytes.
//
// throws  Error{kOutput} if `out` fails
void write_duo_config(const ModelRecord& model, const HeadReach& reach, std::ostream& out);
void write_duo_heads(const HeadReach& reach, std::ostream& out);

// Makes the folder of a pattern, if it is not there: before hours of passes, not after them.
//
// throws  Error{kOutput} if there is something else of that name, or it cannot be made
void make_duo_folder(const std::string& folder);
// Writes both files into the folder, each as a whole.
//
// throws  as make_duo_folder and write_output
void write_duo_pattern(const std::string& folder, const ModelRecord& model, const HeadReach& reach);

}  // namespace sinkscope
