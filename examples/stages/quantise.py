#!/usr/bin/env python3
"""Makes the network's weights whole numbers of 8 or 4 bits, with the quantisation of onnxruntime.

dynamic:   the weights; what flows between the layers is scaled anew for each image
static:    that as well, in ranges measured on 300 training images

By hand:   python3 quantise.py model.onnx small.onnx --scheme static --bits 4
"""
import argparse

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

from digits import images


class Training(CalibrationDataReader):
    """Hands out training images, a hundred at a time."""

    def __init__(self, input_name):
        x = images()[0]
        self.batches = iter([{input_name: x[i:i + 100]} for i in (0, 100, 200)])

    def get_next(self):
        return next(self.batches, None)


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--scheme", choices=["dynamic", "static"], default="dynamic")
    parser.add_argument("--bits", type=int, choices=[4, 8], default=8)
    return parser.parse_args()


def main():
    o = options()
    model = onnx.load(o.input)  # given its path, onnxruntime would write beside it, where other trials read
    weights = {4: QuantType.QInt4, 8: QuantType.QInt8}[o.bits]
    if o.scheme == "dynamic":
        quantize_dynamic(model, o.output, weight_type=weights)
    else:
        quantize_static(model, o.output, Training(model.graph.input[0].name), weight_type=weights)


if __name__ == "__main__":
    main()
