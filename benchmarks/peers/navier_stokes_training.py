"""neuraloperator trained on the windows of benchmarks/accuracy/navier_stokes.toml, and judged by rollouts to time 50.

    pip install torch neuraloperator h5py
    python benchmarks/peers/navier_stokes_training.py ns_train.h5 ns_test.h5 OUT.pt [STEPS [ROLLOUT_STEPS]] [--device cuda] [--channels 20]

The same network, windows of 10 + 10 frames, batches of 20, rates (3e-3, cosine, 100 steps of warm-up), weight decay, clipping, loss (relative L2 in
the fields' own units) and normalisers; then ROLLOUT_STEPS steps on rollouts of four, batches of 10, rate 1e-3. neuraloperator has no averages of weights,
of which Cartan's run keeps some: here they are kept with decay 0.999 by torch. OUT.pt holds the state every 200 steps: run again to go on.
On a GPU the data lie in its memory, products are in float32 and not in TF32, and seconds are those of the clock.
"""
import argparse
import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
if os.environ.get("MALLOC_MMAP_MAX_") != "0":
    os.environ.update(MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="100000000000")
    os.execv(sys.executable, [sys.executable] + sys.argv)

import h5py
import numpy as np
import torch
from importlib.metadata import version
from neuralop.models import FNO

torch.set_num_threads(1)
torch.manual_seed(1)
parser = argparse.ArgumentParser()
parser.add_argument("train"), parser.add_argument("test"), parser.add_argument("out")
parser.add_argument("steps", type=int, nargs="?", default=4800)
parser.add_argument("rollout_steps", type=int, nargs="?", default=0)
parser.add_argument("--device", default="cpu")
parser.add_argument("--channels", type=int, default=20)
options = parser.parse_args()
out, device = options.out, torch.device(options.device)
plan = [(options.steps, 20, 1, 3e-3), (options.rollout_steps, 10, 4, 1e-3)]
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


def frames(path):
    with h5py.File(path) as f:
        return torch.from_numpy(np.concatenate([f["x"][:], f["y"][:]], 1)).to(device)


def clock():
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


data, judged = frames(options.train), frames(options.test)
windows = data.shape[1] - 19
mean = [torch.stack([data[:, k : k + windows].mean() for k in range(s, s + 10)]).view(1, 10, 1, 1) for s in (0, 10)]
std = [torch.stack([data[:, k : k + windows].std() for k in range(s, s + 10)]).view(1, 10, 1, 1) for s in (0, 10)]
model = FNO(n_modes=(24, 24), in_channels=10, out_channels=10, hidden_channels=options.channels, n_layers=4,
            projection_channel_ratio=4).to(device)
average = [p.detach().clone() for p in model.parameters()]


def predict(x):
    return model((x - mean[0]) / std[0]) * std[1] + mean[1]


def error(p, y):  # by frame
    return ((p - y).flatten(2).norm(dim=2) / y.flatten(2).norm(dim=2)).mean()


def roll(x, steps):
    out = []
    for _ in range(steps):
        x = predict(x)
        out.append(x)
    return torch.cat(out, 1)


def judge():
    own = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for p, a in zip(model.parameters(), average):
            p.copy_(a)
        joint = frame = 0
        for k in range(0, len(judged), 20):
            p, y = roll(judged[k : k + 20, :10], 4), judged[k : k + 20, 10:]
            frame += error(p, y).item() * len(y)
            joint += ((p - y).flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)).sum().item()
        for p, a in zip(model.parameters(), own):
            p.copy_(a)
    print(f"  rollouts of {len(judged)} test trajectories: relative L2 {joint / len(judged):.5f}, mean over frames {frame / len(judged):.5f}",
          flush=True)


print(f"neuraloperator {version('neuraloperator')}, torch {torch.__version__}, {device}, "
      f"{sum(p.numel() for p in model.parameters())} parameters (complex ones once)", flush=True)
state = torch.load(out, map_location=device, weights_only=False) if os.path.exists(out) else None
part0, step0, seconds = (state["part"], state["step"], state["seconds"]) if state else (0, 0, 0.0)
for part, (steps, batch, rollout, rate) in enumerate(plan):
    if part < part0 or steps == 0:
        continue
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-4)
    if state and part == part0:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average = state["average"]
    for step in range(step0 if part == part0 else 0, steps):
        start = clock()
        pick = np.random.default_rng([part, step])
        which = pick.choice(len(data), batch)
        if rollout == 1:
            at = pick.integers(0, windows, batch)
            which, frame = torch.from_numpy(which[:, None]), torch.from_numpy(at[:, None] + np.arange(20))
            xy = data[which.to(device), frame.to(device)]
            x, y = xy[:, :10], xy[:, 10:]
        else:
            x, y = data[which, :10], data[which, 10:]
        for group in optimizer.param_groups:
            group["lr"] = min(1, (step + 1) / 100) * (1e-6 + (rate - 1e-6) * 0.5 * (1 + np.cos(np.pi * step / steps)))
        optimizer.zero_grad()
        loss = error(roll(x, rollout), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        decay = min(0.999, (1 + step) / (10 + step))
        with torch.no_grad():
            for a, p in zip(average, model.parameters()):
                a.lerp_(p, 1 - decay)
        seconds += clock() - start
        if (step + 1) % 200 == 0 or step + 1 == steps:
            print(f"part {part + 1} step {step + 1}/{steps}  loss {loss.item():.4f}  {seconds:.0f} s", flush=True)
            torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict(), average=average, part=part, step=step + 1,
                            seconds=seconds), out + ".part")
            os.replace(out + ".part", out)
    judge()
