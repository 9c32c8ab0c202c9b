"""Make, compose and quantize ONNX graphs."""
