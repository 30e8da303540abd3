"""Makes every golden file again, bit for bit, and verifies what is stored."""
import shutil

import cells
import dropout
import keras_activations
import keras_around
import keras_attention
import keras_bidirectional
import keras_convolution
import keras_gru
import keras_masks
import keras_models
import keras_ops
import layer_norm
import losses
import optimizers
import regularization
import torch_bidirectional
import torch_gru
import torch_lengths
import update_gate
import verify
from common import GOLDEN

TOPICS = [torch_gru, torch_lengths, torch_bidirectional, keras_gru, keras_masks,
          keras_bidirectional, keras_activations, keras_models, keras_ops, keras_around,
          keras_convolution, keras_attention, update_gate, cells, layer_norm, dropout, losses,
          optimizers, regularization]

for topic in TOPICS:
    shutil.rmtree(GOLDEN / topic.__name__.replace("_", "-"), ignore_errors=True)
    topic.main()
verify.main()
