#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the seeds of the fuzz tests: sound files, and one of each kind of damage. usage: seeds.py FOLDER"""
import json
import struct
import sys
from pathlib import Path


def file_of(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


FOUR = struct.pack("<4f", 1, -2, 0.5, 0)
SOUND = {"__metadata__": {"format": "pt"}, "conv_in.weight": tensor("F32", [2, 2], 0, 16),
         "half": tensor("F16", [3], 16, 22), "brain": tensor("BF16", [1], 22, 24), "wide": tensor("F64", [1], 24, 32),
         "step": tensor("I64", [], 32, 40), "mask": tensor("U8", [2], 40, 42), "none": tensor("F32", [0, 9], 42, 42)}
ONE = b'{"t":' + json.dumps(tensor("F32", [1], 0, 4)).encode()
BLOCKS = {"down_block_types": ["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
          "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D"], "block_out_channels": [32, 64]}

SEEDS = {
    "sound.safetensors": file_of(SOUND, FOUR + bytes(range(26))),
    "nan.safetensors": file_of({"t": tensor("F32", [4], 0, 16)}, struct.pack("<4f", *[float(x) for x in
                                                                          ("nan", "inf", "-inf", "1e-40")])),
    "halves.safetensors": file_of({"t": tensor("F16", [6], 0, 12)}, bytes.fromhex("007c00fc017e01000080ff7b")),
    "truncated.safetensors": file_of(SOUND, FOUR),
    "short.safetensors": b"\x10\0\0",
    "header-2-63.safetensors": file_of(SOUND, FOUR, 1 << 63),
    "header-2-64.safetensors": file_of(SOUND, FOUR, (1 << 64) - 1),
    "header-too-long.safetensors": file_of(b"{}", b"", 3),
    "overlap.safetensors": file_of({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 4, 12)}, FOUR),
    "overlap-hidden.safetensors": file_of({"a": tensor("F32", [2], 0, 8), "n": tensor("F32", [0], 3, 3),
                                           "b": tensor("F32", [1], 4, 8)}, FOUR),
    "offset-overflow.safetensors": file_of({"t": tensor("F32", [1], (1 << 64) - 4, 1 << 64)}, FOUR),
    "offset-backwards.safetensors": file_of({"t": tensor("F32", [1], 8, 4)}, FOUR),
    "shape-overflow.safetensors": file_of({"t": tensor("F32", [1 << 62, 4], 0, 16)}, FOUR),
    "bytes-overflow.safetensors": file_of({"t": tensor("F32", [(1 << 62) + 1], 0, 4)}, FOUR),
    "shape-negative.safetensors": file_of({"t": tensor("F32", [-4], 0, 16)}, FOUR),
    "shape-deep.safetensors": file_of({"t": tensor("F32", [1] * 9, 0, 4)}, FOUR),
    "duplicate.safetensors": file_of(ONE + b',"t":' + ONE[5:] + b"}", FOUR),
    "dtype.safetensors": file_of({"t": tensor("F8_E4M3", [4], 0, 4)}, FOUR),
    "names.safetensors": file_of({"a\n\x00b": tensor("F32", [1], 0, 4), "\u00e9" * 90: tensor("F8", [1], 4, 8)}, FOUR),
    "deep.safetensors": file_of(b'{"__metadata__":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "deep.json": b'{"a":' * 3000 + b"1" + b"}" * 3000,
    "open.json": b"[" * 3000,
    "empty.json": b"",
    "unet.json": json.dumps({"_class_name": "UNet2DModel", "sample_size": [16, 32], "attention_head_dim": None,
                             "freq_shift": 1, "flip_sin_to_cos": False, "num_class_embeds": 3, "norm_eps": 1e-6,
                             "resnet_time_scale_shift": "scale_shift", "downsample_type": "resnet", **BLOCKS}).encode(),
    "unet-plain.json": json.dumps({"in_channels": 1, "out_channels": 1, "block_out_channels": [8], "add_attention": False,
                                   "norm_num_groups": 4, "down_block_types": ["DownBlock2D"], "layers_per_block": 1,
                                   "up_block_types": ["UpBlock2D"], "downsample_padding": 0}).encode(),
    "unet-huge.json": json.dumps({"block_out_channels": [1 << 40] * 3, "layers_per_block": 1e300}).encode(),
    "scheduler.json": json.dumps({"_class_name": "DDIMScheduler", "beta_schedule": "squaredcos_cap_v2",
                                  "prediction_type": "v_prediction", "timestep_spacing": "trailing",
                                  "rescale_betas_zero_snr": True, "steps_offset": 1}).encode(),
    "scheduler-betas.json": json.dumps({"num_train_timesteps": 3, "trained_betas": [0.1, 0.2, 1e-30]}).encode(),
    "card.json": json.dumps({"title": "T\n\u00fc", "class_names": ["a", "b"], "null_class": 2, "size": "any",
                             "tileable": True, "sampler": "ddim", "steps": 10, "denoise_steps": 8, "start_t": 500,
                             "spacing": "quad", "eta": 0.5, "guidance": 1.5, "clip": "rederive"}).encode(),
}

folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name, content in SEEDS.items():
    (folder / name).write_bytes(content)
