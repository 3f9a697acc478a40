"""What the pages say, in English and in Chinese; the command's log is English alone."""

from __future__ import annotations

_WORDS = {
    "title": ("Results", "结果"),
    "made": (
        "This page is written by a command; edit `{yaml}` and run it again instead of the page.",
        "本页由命令写出；请修改 `{yaml}` 后重新运行命令，不要直接修改本页。",
    ),
    "finished": (
        "{done} of {all} runs are finished, started {first} to {last} (UTC), {hours} in all.",
        "{all} 次运行中完成了 {done} 次，开始于 {first} 至 {last}（UTC），共用时 {hours}。",
    ),
    "none": ("None of {all} runs is finished.", "{all} 次运行均未完成。"),
    "environment": ("Environment", "环境"),
    "commit": ("commit", "提交"),
    "processor": ("processor", "处理器"),
    "cores": ("cores", "核数"),
    "threads": ("threads of each run", "每次运行的线程数"),
    "versions": ("versions", "版本"),
    "seeds": ("seeds", "随机种子"),
    "changed": (
        "`+` after a commit: files were changed after it.",
        "提交号后的 `+`：其后有文件被改动。",
    ),
    "protocol": ("Protocol", "协议"),
    "test": ("Test rows", "测试行"),
    "quality": ("Log loss and calibration on the test rows", "测试行上的对数损失与校准"),
    "references": ("Held against", "对照"),
    "runs": ("Runs", "运行"),
    "model": ("model", "模型"),
    "task": ("task", "任务"),
    "seed": ("seed", "种子"),
    "epoch": ("epoch tested", "测试的 epoch"),
    "parameters": ("parameters", "参数量"),
    "speed": ("rows/s in training", "训练行/秒"),
    "wall": ("seconds, all commands", "秒，全部命令"),
    "logloss": ("log loss", "对数损失"),
    "calibration": ("predicted / observed", "预测/观测"),
    "ece": ("ECE", "ECE"),
    "gauc": ("GAUC", "GAUC"),
    "source": ("source", "来源"),
    "figures": ("figures", "数值"),
    "failed": ("Failed", "失败"),
    "lacking": ("Not run yet", "尚未运行"),
    "explained": (
        "Means over seeds ± their standard deviation. Epochs count from 0: `9` is the tenth. "
        "rows/s is training alone, without start-up and saving; seconds are those of all of a "
        "run's processes. Predicted / observed is 1 for a model that predicts as much as happens; "
        "ECE is the expected calibration error in bins of equal counts.",
        "数值为各种子的均值 ± 标准差。epoch 从 0 数起：`9` 是第十个。"
        "行/秒只算训练，不含启动和保存；秒数为一次运行所有进程之和。"
        "预测/观测为 1 表示预测量与实际相符；ECE 为按等行数分箱的期望校准误差。",
    ),
    "pictures": (
        "Pictures: `results.html` beside this page, which a browser opens from the disk.",
        "图见本页旁的 `results.html`，浏览器可直接从磁盘打开。",
    ),
    "no_pictures": (
        "No pictures: `pip install -r requirements-visual.txt`, then run the command once more.",
        "没有图：先 `pip install -r requirements-visual.txt`，再运行一次命令。",
    ),
    "hours": ("{0:.1f} hours", "{0:.1f} 小时"),
    "minutes": ("{0:.0f} minutes", "{0:.0f} 分钟"),
}
_PLACES = {"en": 0, "zh": 1}


def say(language: str, key: str, **values: object) -> str:
    """Returns a text in a language, with values filled in."""
    return _WORDS[key][_PLACES[language]].format(**values)


def duration(language: str, seconds: float) -> str:
    """Returns a time in hours, or in minutes where it is short."""
    long = seconds >= 5400
    number = seconds / 3600 if long else max(seconds / 60, 1)
    return _WORDS["hours" if long else "minutes"][_PLACES[language]].format(number)
