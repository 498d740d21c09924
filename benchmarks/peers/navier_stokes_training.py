"""neuraloperator trained on the windows of benchmarks/accuracy/navier_stokes.toml, and judged by rollouts to time 50.

    pip install torch neuraloperator h5py
    python benchmarks/peers/navier_stokes_training.py ns_train.h5 ns_test.h5 OUT.pt [STEPS [ROLLOUT_STEPS]]

The same network, windows of 10 + 10 frames, batches of 20, rates (3e-3, cosine, 100 steps of warm-up), weight decay, clipping, loss (relative L2 in
the fields' own units) and normalisers; then ROLLOUT_STEPS steps on rollouts of four, batches of 10, rate 1e-3. neuraloperator has no averages of weights,
of which Cartan's run keeps some: here they are kept with decay 0.999 by torch. OUT.pt holds the state every 200 steps: run again to go on.
"""
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
train, test, out = sys.argv[1:4]
plan = [(int(sys.argv[4]) if len(sys.argv) > 4 else 4800, 20, 1, 3e-3), (int(sys.argv[5]) if len(sys.argv) > 5 else 0, 10, 4, 1e-3)]


def frames(path):
    with h5py.File(path) as f:
        return torch.from_numpy(np.concatenate([f["x"][:], f["y"][:]], 1))


data, judged = frames(train), frames(test)
windows = data.shape[1] - 19
mean = [torch.stack([data[:, k : k + windows].mean() for k in range(s, s + 10)]).view(1, 10, 1, 1) for s in (0, 10)]
std = [torch.stack([data[:, k : k + windows].std() for k in range(s, s + 10)]).view(1, 10, 1, 1) for s in (0, 10)]
model = FNO(n_modes=(24, 24), in_channels=10, out_channels=10, hidden_channels=20, n_layers=4, projection_channel_ratio=4)
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


print(f"neuraloperator {version('neuraloperator')}, torch {torch.__version__}, "
      f"{sum(p.numel() for p in model.parameters())} parameters (complex ones once)", flush=True)
state = torch.load(out, weights_only=False) if os.path.exists(out) else None
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
        start = time.process_time()
        pick = np.random.default_rng([part, step])
        which = pick.choice(len(data), batch)
        if rollout == 1:
            at = pick.integers(0, windows, batch)
            x = torch.stack([data[i, k : k + 10] for i, k in zip(which, at)])
            y = torch.stack([data[i, k + 10 : k + 20] for i, k in zip(which, at)])
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
        seconds += time.process_time() - start
        if (step + 1) % 200 == 0 or step + 1 == steps:
            print(f"part {part + 1} step {step + 1}/{steps}  loss {loss.item():.4f}  {seconds:.0f} s of the processor", flush=True)
            torch.save(dict(model=model.state_dict(), optimizer=optimizer.state_dict(), average=average, part=part, step=step + 1,
                            seconds=seconds), out + ".part")
            os.replace(out + ".part", out)
    judge()
