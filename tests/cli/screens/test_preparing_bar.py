"""What is shown while features of images are computed."""

from __future__ import annotations

import io

from softlabel.cli.screens.preparing_bar import PreparingBar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_has_a_line_for_each_work_and_one_a_minute() -> None:
    stream, now = io.StringIO(), [0.0]
    bar = PreparingBar(stream, lambda: now[0])
    begun = []
    for second in range(0, 150, 10):
        now[0] = float(second)
        begun.append(bar.show("features of training images", second + 10, 150))
    assert begun == [False, True] + [False] * 13
    bar.show("quick work", 5, 10)
    now[0] += 9
    bar.show("quick work", 10, 10)
    bar.show("features of test images", 5, 10)
    now[0] += 10
    bar.show("features of test images", 10, 10)
    bar.close()
    lines = [" ".join(line.split()) for line in stream.getvalue().splitlines()]
    assert lines == [
        "prepare features of training images, 150 in all",
        "prepare 80 of 150",
        "prepare 140 of 150",
        "prepare features of test images, 10 in all",
    ]


def test_a_terminal_has_a_bar_for_each_work() -> None:
    stream, now = Terminal(), [0.0]
    bar = PreparingBar(stream, lambda: now[0])
    for what, total in (("features of training images", 150), ("features of test images", 10)):
        for done in (total // 2, total):
            bar.show(what, done, total)
            now[0] += 1.0
    bar.close()
    bar.close()
    assert "100% [####################] features of training images" in stream.getvalue()
    assert "100% [####################] features of test images" in stream.getvalue()
