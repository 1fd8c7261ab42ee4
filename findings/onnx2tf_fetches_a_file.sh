#!/usr/bin/env bash
# onnx2tf 1.29.24 fetches a file from the network in every conversion of a graph whose inputs are pictures.
#
# To compare what it made with ONNX Runtime it needs pictures, and takes
# calibration_image_sample_data_20x128x128x3_float32.npy from a release on its own site, without a checksum; where that
# cannot be reached the conversion ends with an exception. A file of that name in the working folder, of any 20 pictures
# of 128 by 128 by 3, is used in its place, and nothing is fetched. Its documentation does not name the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --quiet install onnx2tf==1.29.24
cd "$folder"
cat > convert.py << 'PYTHON'
import sys
from pathlib import Path

import numpy as np
import onnx2tf
from onnx import TensorProto, helper, save

x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])
node = helper.make_node("Relu", ["x"], ["y"])
graph = helper.make_graph([node], "graph", [x], [y])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "graph.onnx")
NAME = "calibration_image_sample_data_20x128x128x3_float32.npy"


def outcome() -> str:
    try:
        onnx2tf.convert("graph.onnx", output_folder_path="made", non_verbose=True, not_use_onnxsim=True)
    except Exception as error:
        return f"{type(error).__name__}{' about ' + NAME if NAME in str(error) else ''}"
    return "converted" if Path("made/graph_float32.tflite").is_file() else "nothing"


first = outcome()
np.save(NAME, np.zeros((20, 128, 128, 3), np.float32))
second = outcome()
print(f"onnx2tf {onnx2tf.__version__}: without the file: {first}; with it: {second}")
sys.exit(0 if (first, second) == (f"ProxyError about {NAME}", "converted") else 1)
PYTHON
# A proxy that does not exist stands for a machine without a network.
HTTPS_PROXY=http://127.0.0.1:9 TF_CPP_MIN_LOG_LEVEL=3 "$folder/env/bin/python" convert.py 2> "$folder/log" || { tail -5 "$folder/log"; exit 1; }
