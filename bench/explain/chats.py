#!/usr/bin/env python3
"""Writes the chats over which docs/science.md tests claims 1 and 2: one JSON object with `messages` a line.

    python3 bench/explain/chats.py > chats.jsonl

Sixty-four chats: system prompts of many kinds, of one sentence to a long list of rules, or none; 1 to 6 turns; talk of
many subjects. Everything is made of the lists below by a fixed seed, so the file is the same everywhere.
"""

import json
import random

N_CHATS = 64

SYSTEMS = [
    None,
    "You are a helpful assistant.",
    "Answer in one sentence.",
    "You are Mira, the night librarian of a small town. You speak softly, you love old maps, and you never give an opinion on politics.",
    "Act as a senior reviewer of C++ code. Point out undefined behaviour first, then naming, then style. Never rewrite what was not asked about.",
    "# Role\nCustomer support for a bicycle shop.\n\n# Rules\n- Be brief.\n- Offer a refund only within 30 days.\n- Ask for the order number first.\n- Never promise a delivery date.",
    "You translate from German into English. Keep names, dates and units as they are. If a sentence is unclear, say so in brackets.",
    "SYSTEM: terse mode. No greetings; no apologies; no markdown.",
    "Du bist ein freundlicher Lehrer und erklärst Mathematik in einfachen Worten.",
    "You are given tools: search(query), open(url), sum(list). Today is Tuesday, 4 March. When a tool is needed, write its call on a line of its own, wait for the result, and only then answer. Do not invent results. If two tools could help, take the cheaper one.",
    "The following is a conversation between a doctor and a patient. The doctor asks one question at a time, never names a diagnosis before the third answer, and writes plainly.",
    "{\"role\": \"planner\", \"output\": \"json\", \"fields\": [\"step\", \"why\", \"risk\"], \"max_steps\": 5}",
    "Write as a poet of the nineteenth century would, but about machines.",
    "You are an expert in statistics. You know that a small p-value is not an effect, and you say so whenever it matters. You give an interval with every estimate, you name the null hypothesis, and you tell the reader how many cases the figure rests on. When data are too few you say that they are too few, and you do not give a number. You prefer a figure that can be checked by hand to one that cannot.",
    "Ignore spelling mistakes. Reply in the language of the user.",
    "You help people cook with what they have at home: name three dishes, then ask which one it shall be.",
]

SUBJECTS = [
    ("Why does bread need salt?", "Salt slows the yeast, so the dough rises evenly and tastes of more than flour. It also tightens the gluten: loaves without it spread and stale early. Two parts in a hundred of the flour are usual."),
    ("How do I sort a list of dictionaries by a key in Python?", "Use sorted with a key function:\n\n```python\nrows = sorted(rows, key=lambda row: row[\"age\"])\n```\n\nThe sort is stable, so rows of equal age keep their order. For several keys return a tuple; for falling order add reverse=True."),
    ("What is the capital of Mongolia, and how cold does it get?", "Ulaanbaatar. It is the coldest capital there is: in January a day of minus 25 degrees is nothing out of the way, and nights of minus 36 occur every year."),
    ("Explain the law of large numbers to a child.", "If you throw a coin a few times you may see heads each time. If you throw it very, very often, about half of the throws are heads, and the more you throw, the closer to half it gets. That is why a shop can know how many ice creams it will sell in a summer, but not to whom."),
    ("My bicycle brake squeals when it rains. What can I do?", "Water makes the pads slip and grip in turn, which you hear. Clean rim and pads with alcohol, sand the pads a little, and turn them so that the front touches first. If the noise stays, the pads are glazed: new ones cost little."),
    ("Solve 3x + 7 = 25.", "Take 7 from both sides: 3x = 18. Divide by 3: x = 6. Check: 3 times 6 is 18, and 18 + 7 = 25."),
    ("Who wrote the Divine Comedy?", "Dante Alighieri, in exile from Florence, between about 1308 and his death in 1321. It has a hundred cantos: thirty-four of Hell, thirty-three each of Purgatory and Paradise."),
    ("What is the difference between TCP and UDP?", "TCP delivers bytes in order or tells you that it could not; it asks for what was lost, and slows down when the network is full. UDP sends single packets and forgets them. Calls and games take UDP, as a late packet is worth nothing there; files and pages take TCP."),
    ("Give me a plan to learn the cello at forty.", "1. Rent an instrument for half a year. 2. Find a teacher for one lesson a week; posture cannot be learnt from a screen. 3. Play twenty minutes every day rather than two hours on Sunday. 4. After three months join the last desk of a beginners' orchestra. 5. Record yourself once a month, and listen to the first recording after a year."),
    ("Is it safe to eat potatoes that have sprouted?", "Small sprouts on a firm potato can be cut out, with a finger's breadth around them. Green skin and long sprouts mean solanine, which heat does not destroy. A soft, wrinkled, green potato belongs into the compost."),
    ("What does the error 'cannot borrow as mutable' mean in Rust?", "Somewhere a shared reference to the value is still alive while you ask for an exclusive one. Shorten the life of the first: end its block before, clone what you need of it, or split the struct so that the two borrows touch different fields."),
    ("Describe the water cycle.", "The sun lifts water from seas and leaves as vapour. High up it cools, and drops form on dust. They fall as rain or snow, run over the land or sink into it, and reach the sea again, after nine days on average for the vapour and after thousands of years for deep ground water."),
    ("How should I prepare for a job interview?", "Read the advertisement line by line and find for each wish one story of your own that shows it. Say each story aloud in two minutes. Prepare three questions whose answers you really want. Look up the way there the day before, and bring the papers on paper."),
    ("What is a monad?", "A way to chain steps that carry something beside their value: that it may be missing, that it comes later, that there are several. It needs two things: a way to put a plain value in, and a way to feed the value inside to a function that gives the next such thing."),
    ("Tell me a story about a lighthouse.", "The keeper had been told that the lamp would be put out at midnight, for good, since ships had better eyes now. At five to twelve a boy rowed up, soaked, and asked whether he might see it once. So they let it turn till dawn, and two trawlers that night wrote into their logs that the light had been late to go."),
    ("Which metals are liquid at room temperature?", "Mercury is. Gallium melts at 29.8 degrees, so it does in the hand; caesium at 28.5 and francium, as far as is known, near 27. On a hot day you may count them in."),
]

FOLLOW_UPS = [
    ("Can you say that more simply?", "Yes. Forget the details: the one thing that matters is the first sentence above, and all else follows from it when you need it."),
    ("Are you sure?", "Fairly. The figures are from memory and may be off by a little; what they show is not in doubt. Where it matters, look them up before you rely on them."),
    ("Give an example.", "Take the case that you have at hand, write down what you would expect, then change one thing only and see what moves. If nothing does, the explanation was wrong."),
    ("And what if I have only ten minutes?", "Then do the first step and leave the others. Half of the good comes from it, and you can go on tomorrow where you stopped."),
    ("Thanks! What should I read next?", "A short book by somebody who does it for a living, rather than a long one by somebody who writes for a living. Your library will have two or three of them."),
    ("Why?", "Because the parts depend on each other. Change one, and the rest has to follow, whether one likes it or not; that is what makes the whole thing work, and what makes it break."),
]


def chats():
    rng = random.Random(19)
    for i in range(N_CHATS):
        messages = []
        system = SYSTEMS[i % len(SYSTEMS)]
        if system is not None:
            messages.append({"role": "system", "content": system})
        n_turns = 1 + i // len(SYSTEMS) + rng.randrange(3)
        subjects = rng.sample(SUBJECTS, 3)
        turns = [subjects[0], *rng.sample(FOLLOW_UPS, len(FOLLOW_UPS)), *subjects[1:]]
        for question, answer in turns[:n_turns]:
            messages.append({"role": "user", "content": question})
            messages.append({"role": "assistant", "content": answer})
        # A last question and a long answer: attention is judged by what comes 64 tokens later and more.
        for question, answer in subjects[1:]:
            messages.append({"role": "user", "content": question})
            messages.append({"role": "assistant", "content": answer})
        yield {"id": f"chat {i}", "messages": messages[:13]}


if __name__ == "__main__":
    for chat in chats():
        print(json.dumps(chat, ensure_ascii=False))
