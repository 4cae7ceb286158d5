#!/usr/bin/env python3
"""The ready callbacks with the real frameworks, each on a small real training.

    python3 -m venv build/sdk-venv && build/sdk-venv/bin/pip install ./workers/sdk/python scikit-learn torch keras lightning \
        transformers accelerate && build/sdk-venv/bin/python tests/sdk/test_frameworks.py

A framework that is not installed is skipped, and says so. In tests/run.sh scikit-learn is; the others take gigabytes.
"""
import importlib.util
import json
import os
import socket
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
if importlib.util.find_spec("nocturne") is None:  # not installed: as it lies there
    sys.path.insert(0, os.path.join(HERE, "../../workers/sdk/python/src"))
os.environ["KERAS_BACKEND"] = "torch"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import nocturne  # noqa: E402
from nocturne import Run  # noqa: E402


def needs(*modules):
    missing = [m for m in modules if importlib.util.find_spec(m) is None]
    return unittest.skipIf(missing, f"{', '.join(missing)} is not installed")


class Coordinator:
    """The other end: hears everything, and says something after a number of reports. Who reports waits until that has
    been heard and answered, so that no training is over before."""

    def __init__(self, answers=None, resume=None, seed=3):
        self.ours, theirs = socket.socketpair()
        self.folder = tempfile.mkdtemp(prefix="nocturne-sdk-")
        env = {"NOCTURNE_FD": str(theirs.fileno()), "NOCTURNE_DIR": self.folder, "NOCTURNE_SEED": str(seed)}
        if resume:
            env["NOCTURNE_RESUME"] = resume
        self.run = Run(argv=[], environ=env)
        theirs.close()
        self.answers, self.messages, self.heard = answers or {}, [], threading.Semaphore(0)
        report = self.run.report
        self.run.report = lambda *a, **k: (report(*a, **k), self.heard.acquire(timeout=300))[0]
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        for line in self.ours.makefile("r"):
            message = json.loads(line)
            self.messages.append(message)
            reports = sum("report" in m for m in self.messages)
            if "report" in message and reports in self.answers:
                self.ours.sendall((json.dumps(self.answers[reports]) + "\n").encode())
            if "report" in message:
                self.heard.release()

    def end(self):
        self.run._socket.shutdown(socket.SHUT_RDWR)
        self.run._socket.close()
        self.thread.join(timeout=300)
        self.ours.close()
        return self.messages

    def of(self, verb):
        return [m[verb] for m in self.messages if verb in m]


class Lazy(unittest.TestCase):
    def test_nothing_is_imported_with_the_package(self):
        import subprocess
        code = ("import sys, nocturne; print([m for m in ('torch', 'numpy', 'sklearn', 'keras', 'transformers', "
                "'lightning') if m in sys.modules])")
        env = dict(os.environ, PYTHONPATH=os.path.join(HERE, "../../workers/sdk/python/src"))
        self.assertEqual(subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True,
                                        check=True).stdout.strip(), "[]")


@needs("sklearn")
class Example(unittest.TestCase):
    def test_the_example_learns_by_hand(self):
        import subprocess
        out = subprocess.run([sys.executable, os.path.join(HERE, "../../examples/python/train.py"), "--learning-rate", "0.5",
                              "--patience=2"], capture_output=True, text=True, check=True,
                             env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))).stdout
        result = json.loads(out.splitlines()[-1].replace("nocturne: ", "", 1))["result"]
        self.assertGreater(result["em"], 0.85)
        self.assertLess(result["tokens"], 60000)


@needs("sklearn")
class Sklearn(unittest.TestCase):
    def data(self):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
        x, y = load_digits(return_X_y=True)
        return train_test_split(x / 16, y, test_size=0.3, random_state=0)

    def train(self, c, patience=1000, most=30000, **kwargs):
        from nocturne.sklearn import partial_fit
        from sklearn.linear_model import SGDClassifier
        a, b, ya, yb = self.data()
        model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=0.01, random_state=1)
        stopping = nocturne.EarlyStopping(patience, 0.001, run=c.run)
        out = partial_fit(model, a, ya, validation=(b, yb), batch_size=16, every=1000, most=most, stopping=stopping,
                          run=c.run, **kwargs)
        return model, out

    def test_learns_reports_and_stops_by_its_rule(self):
        c = Coordinator()
        model, out = self.train(c, patience=4)
        c.end()
        self.assertGreater(out["em"], 0.9)
        self.assertLess(out["tokens"], 30000)
        self.assertEqual(c.of("policy")[0]["metric"], "em")
        self.assertEqual([r["step"] for r in c.of("report")], list(range(len(c.of("report")))))
        self.assertTrue(os.path.isfile(c.of("checkpoint")[-1]["path"]))

    def test_is_stopped_and_told_a_rate(self):
        c = Coordinator({2: {"set": {"learning_rate": 0.5, "batch_size": 100}}, 5: {"stop": "enough"}})
        model, out = self.train(c)
        c.end()
        self.assertEqual(model.eta0, 0.5)
        self.assertLess(out["tokens"], 20000)

    def test_goes_on_from_a_checkpoint_exactly(self):
        whole, first = Coordinator(), Coordinator()
        _, out = self.train(whole, most=12000)
        self.train(first, most=6016)
        whole.end(), first.end()
        second = Coordinator(resume=first.of("checkpoint")[-1]["path"])
        _, again = self.train(second, most=12000)
        second.end()
        self.assertGreaterEqual(second.of("report")[0]["tokens"], 6000)
        self.assertEqual(again["tokens"], out["tokens"])
        self.assertAlmostEqual(again["em"], out["em"], delta=0.03)  # the epoch in which it was cut is shuffled anew


@needs("torch")
class Torch(unittest.TestCase):
    def loop(self, c, steps):
        import torch
        import nocturne.torch as nt
        torch.manual_seed(0)
        x = torch.randn(256, 4)
        y = x @ torch.tensor([1.0, -2.0, 0.5, 3.0])
        model = torch.nn.Linear(4, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        nt.follow(optimizer, run=c.run)
        losses, start = [], nt.load(run=c.run, model=model, optimizer=optimizer)
        for step in range(start, steps):
            loss = ((model(x)[:, 0] - y) ** 2).mean()
            optimizer.zero_grad(), loss.backward(), optimizer.step()
            losses.append(loss.item())
            c.run.report(step, loss=loss)  # a tensor is a metric, too
            nt.save(step + 1, run=c.run, model=model, optimizer=optimizer)
            if c.run.should_stop():
                break
        return losses, optimizer

    def test_follows_saves_and_goes_on(self):
        whole = Coordinator()
        losses, _ = self.loop(whole, 20)
        whole.end()
        first = Coordinator({8: {"stop": "x"}})
        part, _ = self.loop(first, 20)
        first.end()
        self.assertLess(len(part), 20)
        second = Coordinator({1: {"set": {"learning_rate": 0.001}}}, resume=first.of("checkpoint")[-1]["path"])
        rest, optimizer = self.loop(second, 20)
        second.end()
        self.assertEqual(len(part) + len(rest), 20)
        self.assertAlmostEqual(rest[0], losses[len(part)], places=5)
        self.assertEqual(optimizer.param_groups[0]["lr"], 0.001)

    def test_a_bad_checkpoint_is_said(self):
        with tempfile.NamedTemporaryFile(suffix=".pt") as f:
            f.write(b"nonsense")
            f.flush()
            c = Coordinator(resume=f.name)
            losses, _ = self.loop(c, 3)
            c.end()
        self.assertEqual(len(losses), 3)
        self.assertIn("beginning anew", c.of("log")[0])


@needs("torch", "keras")
class Keras(unittest.TestCase):
    def test_reports_follows_stops_and_leaves_weights(self):
        import keras
        import numpy as np
        from nocturne.keras import NocturneCallback
        rng = np.random.default_rng(0)
        x = rng.normal(size=(400, 5)).astype("float32")
        y = (x.sum(axis=1) > 0).astype("float32")
        model = keras.Sequential([keras.layers.Input((5,)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="binary_crossentropy", metrics=["accuracy"])
        c = Coordinator({2: {"set": {"learning_rate": 0.25}}, 6: {"stop": "x"}})
        stopping = nocturne.EarlyStopping(100, mode="min", metric="val_loss", run=c.run)
        model.fit(x, y, validation_split=0.25, epochs=60, batch_size=32, verbose=0,
                  callbacks=[NocturneCallback(stopping, run=c.run)])
        c.end()
        reports = c.of("report")
        self.assertLess(len(reports), 60)
        self.assertLess(reports[-1]["loss"], reports[0]["loss"])
        self.assertIn("val_accuracy", reports[0])
        self.assertEqual(reports[1]["tokens"], 2 * reports[0]["tokens"])
        self.assertAlmostEqual(float(model.optimizer.learning_rate), 0.25, places=5)
        before = model.get_weights()[0]
        model.load_weights(c.of("checkpoint")[-1]["path"])
        self.assertEqual(model.get_weights()[0].shape, before.shape)


@needs("torch", "lightning")
class Lightning(unittest.TestCase):
    def test_reports_follows_stops_and_resumes(self):
        import lightning
        import torch
        from nocturne.lightning import NocturneCallback

        class Model(lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.net = torch.nn.Linear(4, 1)

            def training_step(self, batch, i):
                return ((self.net(batch[0])[:, 0] - batch[1]) ** 2).mean()

            def validation_step(self, batch, i):
                self.log("val_loss", self.training_step(batch, i))

            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), lr=0.05)

        torch.manual_seed(0)
        x = torch.randn(128, 4)
        data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(dim=1)), batch_size=16)

        def fit(c, epochs):
            trainer = lightning.Trainer(max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False,
                                        enable_checkpointing=False, enable_model_summary=False,
                                        callbacks=[NocturneCallback(run=c.run)], default_root_dir=c.folder)
            trainer.fit(Model(), data, data, ckpt_path=c.run.resume_from)
            return trainer

        c = Coordinator({2: {"set": {"learning_rate": 0.01}}, 5: {"stop": "x"}})
        trainer = fit(c, 50)
        c.end()
        reports = c.of("report")
        self.assertLess(len(reports), 50)
        self.assertLess(reports[-1]["val_loss"], reports[0]["val_loss"])
        self.assertAlmostEqual(trainer.optimizers[0].param_groups[0]["lr"], 0.01)
        again = Coordinator(resume=c.of("checkpoint")[-1]["path"])
        fit(again, len(reports) + 2)
        again.end()
        self.assertGreater(again.of("report")[0]["step"], reports[-2]["step"])


@needs("torch", "transformers", "accelerate")
class HuggingFace(unittest.TestCase):
    def test_reports_follows_stops_and_leaves_checkpoints(self):
        import torch
        import transformers
        from nocturne.huggingface import NocturneCallback
        torch.manual_seed(0)
        config = transformers.BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                         intermediate_size=16, max_position_embeddings=16, num_labels=2)
        model = transformers.BertForSequenceClassification(config)
        rows = [{"input_ids": torch.randint(0, 50, (8,)), "labels": torch.tensor(i % 2)} for i in range(64)]
        c = Coordinator({2: {"set": {"learning_rate": 0.002}}, 4: {"stop": "x"}})
        args = transformers.TrainingArguments(output_dir=c.folder, max_steps=500, eval_strategy="steps", eval_steps=5,
                                              save_strategy="steps", save_steps=5, learning_rate=1e-3,
                                              lr_scheduler_type="constant", report_to=[], disable_tqdm=True, use_cpu=True,
                                              per_device_train_batch_size=8)
        stopping = nocturne.EarlyStopping(1000, mode="min", metric="loss", run=c.run)
        trainer = transformers.Trainer(model=model, args=args, train_dataset=rows, eval_dataset=rows,
                                       callbacks=[NocturneCallback(stopping, run=c.run)])
        trainer.train()
        c.end()
        reports = c.of("report")
        self.assertLess(len(reports), 100)
        self.assertEqual(reports[0]["step"], 5)
        self.assertIn("loss", reports[0])
        self.assertGreater(reports[1]["tokens"], reports[0]["tokens"])
        self.assertAlmostEqual(trainer.optimizer.param_groups[0]["lr"], 0.002)
        self.assertTrue(os.path.isdir(c.of("checkpoint")[0]["path"]))


if __name__ == "__main__":
    unittest.main()
