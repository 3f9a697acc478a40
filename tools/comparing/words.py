"""The texts of the pages in English and Chinese. The log of the command is in English only."""

from __future__ import annotations

_WORDS = {
    "title": ("Results", "结果"),
    "made": (
        "A command writes this page. To change it, edit `{yaml}` and run the command again.",
        "本页由命令生成。如需修改，请编辑 `{yaml}` 后重新运行命令。",
    ),
    "finished": (
        "{done} of {all} runs are finished. They started {first} to {last} (UTC) and took {hours} "
        "in total.",
        "共 {all} 次运行，已完成 {done} 次，开始于 {first} 至 {last}（UTC），合计用时 {hours}。",
    ),
    "none": ("None of {all} runs is finished.", "共 {all} 次运行，均未完成。"),
    "environment": ("Environment", "环境"),
    "commit": ("commit", "提交"),
    "processor": ("processor", "处理器"),
    "cores": ("cores", "核数"),
    "threads": ("threads of each run", "每次运行的线程数"),
    "versions": ("versions", "版本"),
    "seeds": ("seeds", "随机种子"),
    "changed": (
        "A `+` after a commit means that files had changes without a commit.",
        "提交号后的 `+` 表示当时有未提交的改动。",
    ),
    "protocol": ("**Protocol.**", "**协议：**"),
    "test": ("Test set", "测试集"),
    "classes": ("Log loss and calibration on the test set", "测试集上的对数损失与校准"),
    "slices": ("Test set by the values of {column}", "测试集，按 {column} 的值"),
    "numbers": ("Further metrics of numbers on the test set", "测试集上数值任务的其他指标"),
    "references": ("Compared with", "参照"),
    "runs": ("Runs", "各次运行"),
    "model": ("model", "模型"),
    "task": ("task", "任务"),
    "seed": ("seed", "种子"),
    "epoch": ("tested epoch", "测试的轮次"),
    "parameters": ("parameters", "参数量"),
    "speed": ("rows/s in training", "训练行/秒"),
    "wall": ("seconds of all commands", "全部命令的秒数"),
    "logloss": ("log loss", "对数损失"),
    "calibration": ("predicted / observed", "预测/观测"),
    "ece": ("ECE", "ECE"),
    "gauc": ("GAUC", "GAUC"),
    "source": ("source", "来源"),
    "figures": ("figures", "数值"),
    "failed": ("Failed", "失败"),
    "lacking": ("Not run yet", "尚未运行"),
    "explained": (
        "Figures are means over seeds ± the standard deviation. Epochs count from 0: `9` is the "
        "tenth. rows/s is the speed of training, without start-up and saving. Seconds are those of "
        "all processes of a run. Predicted / observed is the mean prediction divided by the mean "
        "label; 1 is ideal. ECE is the expected calibration error, in bins of equal counts.",
        "数值为各随机种子的均值 ± 标准差。轮次从 0 数起：`9` 是第十轮。"
        "行/秒为训练速度，不含启动和保存。"
        "秒数为一次运行全部进程的用时。预测/观测为预测均值除以标签均值，理想值为 1。"
        "ECE 为期望校准误差，各箱行数相等。",
    ),
    "pictures": (
        "The plots are in `results.html` beside this page. A browser opens it from the disk.",
        "图在本页旁的 `results.html` 中，可用浏览器直接从磁盘打开。",
    ),
    "no_pictures": (
        "There are no plots. Run `pip install -r requirements-visual.txt`, then the command again.",
        "没有图。请先运行 `pip install -r requirements-visual.txt`，再重新运行命令。",
    ),
    "hours": ("{0:.1f} hours", "{0:.1f} 小时"),
    "minutes": ("{0:.0f} minutes", "{0:.0f} 分钟"),
}
_COLUMNS = {"en": 0, "zh": 1}


def say(language: str, key: str, **values: object) -> str:
    """Returns a text in a language, ``en`` or ``zh``, with values filled in."""
    return _WORDS[key][_COLUMNS[language]].format(**values)


def metric(language: str, name: str) -> str:
    """Returns how a table calls a metric: by its name, if the language has no other one."""
    return _WORDS[name][_COLUMNS[language]] if name in _WORDS else name


def duration(language: str, seconds: float) -> str:
    """Returns a duration in hours; in minutes below 1.5 hours."""
    in_hours = seconds >= 5400
    number = seconds / 3600 if in_hours else max(seconds / 60, 1)
    return _WORDS["hours" if in_hours else "minutes"][_COLUMNS[language]].format(number)
