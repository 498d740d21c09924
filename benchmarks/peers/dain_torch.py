"""DAIN in PyTorch, beside `dain_speed.cpp`: the same steps on the same entries for a fixed number of epochs.

    python dain_torch.py INDICES VALUES [--epochs 2] [--style lean|published] [--threads 1]

INDICES and VALUES are text, an entry a line (CARTAN_DATA/foursquare). A tenth of the entries is for test, a fifth of the rest for
validation; embeddings of 150/3 components, 1024-1024-128, Adam 1e-3, batches of 1024; half as many new entries as training entries, and a
second training with them.

`lean` is how one would write it today: batches by indexing, validation without gradients, influence summed as batches pass. `published` has
the structure of the public code (claws-lab/DAIN): a DataLoader that fetches entry by entry, backward passes through validation and test
entries, gradients of the last layer of all epochs kept and copied with the model at every improvement, a loop over entries at the end.

Prints seconds, wall and of all processors, and the RMSE of the test entries.
"""
import argparse, copy, time
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

class Net(nn.Module):
    def __init__(self, dims, layers=(150, 1024, 1024, 128)):
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(n, layers[0] // len(dims)) for n in dims)
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(layers[:-1], layers[1:]))
        self.head = nn.Linear(layers[-1], 1)

    def forward(self, x):
        h = torch.cat([e(x[:, k]) for k, e in enumerate(self.embeddings)], 1)
        for layer in self.layers:
            h = torch.relu(layer(h))
        self.last = h
        return self.head(h).flatten()

class Entries(Dataset):
    def __init__(self, x, y):
        self.x, self.y, self.number = x, y, torch.arange(len(y))
    def __len__(self):
        return len(self.y)
    def __getitem__(self, i):
        return self.x[i], self.y[i], self.number[i]

def predict(net, x):
    with torch.no_grad():
        return torch.cat([net(part) for part in x.split(8192)])

def train_lean(dims, x, y, validation, epochs, influenced):
    net, (xv, yv) = Net(dims), validation
    adam, best, kept = torch.optim.Adam(net.parameters(), 1e-3), np.inf, None
    influence = torch.zeros(len(y))
    for _ in range(epochs):
        if influenced:
            total = torch.zeros(net.head.in_features)
            with torch.no_grad():
                for a, b in zip(xv.split(8192), yv.split(8192)):
                    error = net(a) - b
                    total += error @ net.last
        for rows in torch.randperm(len(y)).split(1024):
            f = net(x[rows])
            error = f - y[rows]
            adam.zero_grad()
            (error**2).mean().backward()
            adam.step()
            if influenced:
                with torch.no_grad():
                    influence[rows] += error.detach() * (net.last.detach() @ total)
        loss = float(((predict(net, xv) - yv) ** 2).mean())
        if loss < best:
            best, kept, result = loss, copy.deepcopy(net.state_dict()), influence.clone()
    net.load_state_dict(kept)
    return net, result

def train_published(dims, x, y, validation, test, epochs, influenced):
    net, criterion = Net(dims), nn.MSELoss()
    adam = torch.optim.Adam(net.parameters(), 1e-3)
    n, m = len(y), len(validation[1])
    loaders = [DataLoader(Entries(*part), batch_size=1024, shuffle=True) for part in ((x, y), validation, test)]
    if influenced:
        net.gradients = torch.zeros(epochs, n + m, net.head.in_features)
    best, kept = np.inf, None
    for epoch in range(epochs):
        total = 0
        for a, b, number in loaders[1]:
            f = net(a)
            if influenced:
                net.gradients[epoch, n + number] = net.last.detach() * (f - b).detach()[:, None]
            loss = criterion(f, b)
            loss.backward()
            total += loss.item()
            del net.last
        for a, b, number in loaders[2]:
            criterion(net(a), b).backward()
            del net.last
        for a, b, number in loaders[0]:
            adam.zero_grad()
            f = net(a)
            if influenced:
                net.gradients[epoch, number] = net.last.detach() * (f - b).detach()[:, None]
            loss = criterion(f, b)
            loss.backward()
            adam.step()
            del net.last
        if total < best:
            best, last, kept = total, epoch, copy.deepcopy(net)
    influence = None
    if influenced:
        g = kept.gradients[: last + 1]
        total = g[:, n:].sum(1)
        influence = torch.tensor([(g[:, i] * total).sum().item() for i in range(n)])
        del kept.gradients
    return kept, influence

def main():
    p = argparse.ArgumentParser()
    p.add_argument("indices"), p.add_argument("values")
    p.add_argument("--epochs", type=int, default=2)
    p.add_argument("--style", default="lean", choices=["lean", "published"])
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=0)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    x = torch.tensor(np.loadtxt(a.indices, dtype=np.int64))
    y = torch.tensor(np.loadtxt(a.values), dtype=torch.float32)
    dims = (x.max(0).values + 1).tolist()
    order = torch.randperm(len(y))
    test, rest = order[: len(y) // 10], order[len(y) // 10 :]
    validation, train = rest[: len(rest) // 5], rest[len(rest) // 5 :]
    part = lambda rows: (x[rows], y[rows])
    wall, cpu = time.perf_counter(), time.process_time()
    run = (lambda x, y, i: train_lean(dims, x, y, part(validation), a.epochs, i)) if a.style == "lean" else (
        lambda x, y, i: train_published(dims, x, y, part(validation), part(test), a.epochs, i))
    net, influence = run(*part(train), True)
    influence = influence.abs().double()
    new = []
    for k, size in enumerate(dims):
        importance = torch.zeros(size, dtype=torch.float64).index_add_(0, x[train][:, k], influence)
        new.append(torch.multinomial(importance / importance.sum(), len(train) // 2, replacement=True))
    new = torch.stack(new, 1)
    net, _ = run(torch.cat([x[train], new]), torch.cat([y[train], predict(net, new)]), False)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    rmse = float(((predict(net, x[test]) - y[test]) ** 2).mean().sqrt())
    print(f"torch {torch.__version__} {a.style} epochs {a.epochs} threads {a.threads} wall {wall:.2f} cpu {cpu:.2f} rmse {rmse:.4f}")

main()
