"""What tracers leave in a graph and nobody else should see, or read by a changing name."""

from __future__ import annotations

from typing import Any

import torch

BATCH = "batch"
_SOURCES = ("stack_trace", "source_fn_stack", "from_node", "nn_module_stack", "torch_fn")


def forget_the_source(program: Any) -> None:
    """Take out of an exported program which lines of which files it was traced from."""
    program = getattr(program, "exported_program", program)
    if not isinstance(program, torch.export.ExportedProgram):
        return
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            for name in _SOURCES:
                node.meta.pop(name, None)


def name_the_batch(model: Any) -> None:
    """Let the first axis of inputs and outputs of an ONNX model be called `batch`, and drop notes of the tracer."""
    graph = model.graph
    symbol = next((axis.dim_param for axis in graph.input[0].type.tensor_type.shape.dim if axis.dim_param), None)
    for value in (*graph.input, *graph.output, *graph.value_info):
        del value.metadata_props[:]
        for axis in value.type.tensor_type.shape.dim:
            if symbol is not None and axis.dim_param == symbol:
                axis.dim_param = BATCH
    for node in graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for tensor in graph.initializer:
        del tensor.metadata_props[:]
    del graph.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
