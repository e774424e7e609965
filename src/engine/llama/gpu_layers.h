#pragma once

namespace sinkscope {

// n_gpu_layers  as asked for; negative: all that fit, wherever they fit
// has_servers   RPC servers take part, which bring devices of their own
// throws        Error{kUsage} if layers are to lie on a GPU and there is none
void check_gpu_layers(int n_gpu_layers, bool has_servers);

}  // namespace sinkscope
