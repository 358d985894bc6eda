"""The fingerprint words: 2,048 short words that two people read to each other over a phone.

Protocol section 1 turns 44 bits into four of them. The list is our own, picked for the ear of somebody who
did not grow up with English:

- 3 to 7 letters, of which the first four differ, so that a word may be abbreviated; no word begins another;
- no two sound alike, nor would in a French mouth (not both of ship and sheep, taste and test);
- no numbers, and no words that belong to the talk about the words (yes, wrong, again, next);
- nothing that frightens, offends or takes sides.

The order is alphabetical and part of the protocol: another list shows other words for the same keys, so two
versions of it would take each other for an attack.
"""

from __future__ import annotations

WORDS: tuple[str, ...] = tuple(
    """
    abacus able above academy accent account acorn acre acrobat acrylic action actor adapt address adjust
    admire adult advance adverb advice aerial affair afford after agent agile ahead airline airport airy
    album alcove alert algebra align alike alive allow almanac almond alone alpaca alpine already always
    amateur amaze amber ambient among amount ample amuse anagram anchor ancient android angle animal
    annual anorak antenna antique antler anvil apex apology appear apple approve april apron aquatic
    arcade archive arctic area arena argue aroma around arrange arrive arrow artist ascend ashore asleep
    aspect asphalt athlete atlas atrium attach attend attic attract audio august author autumn avatar
    avenue average aviator avocado avoid awake awesome axis azure baby bacon badger bagel baggage bagpipe
    bakery balance balcony ballet bamboo banana bandana banjo banner banquet barber barcode bargain barley
    barn barrel basil basket bassoon bathtub battery beacon bead beagle beak bean beauty beaver because
    become bedroom beehive beetle before behave behind beige belief bell belt bench bend benefit beret
    berry beside better between bicycle bike binary bingo biology biplane birch bird biscuit bison bistro
    black blanket blaze blender blimp blink blog blond bloom blossom blouse blue boat bobbin bobcat
    bobsled body boiler bonbon bonfire bonnet bonus book boost boot borrow botany bottle boulder bounce
    bouquet bowl boxer bracket brain branch brass brave bread breeze brick bridge brief bright bring
    brioche brisk broad broken bronze broom brother brown brush bubble bucket budget buffet bugle build
    bulb bulldog bumper bundle bunny bureau burger burrow bus butcher butler button buyer cabaret cabbage
    cabin cable cactus cafe cake calcium calm camera camp canary candle canoe canteen canvas canyon
    capable capital capsule captain caramel carbon card career cargo caribou carpet carrot cartoon carve
    cascade case cashew casino castle casual catch catfish cavern caviar cedar ceiling celery cello cement
    century ceramic certain chair chalk champ change chapter charm chat cheddar cheese chef cherry chess
    chicken child chimney chip chirp chisel choice choose chorus chrome chutney cider cinema circus
    citizen citrus city civic clam clarity classic clay clerk clever click client cliff climb clip cloak
    clock clone closet cloud clover club cluster coach coast cobalt cobweb coconut code coffee coil coin
    collar column combine comet comfort comic common compass concert condor cone connect console contact
    cookie cool copper copy coral cork corner cosmic costume cotton couch cougar count couple courage
    cousin cover cowboy coyote crab cracker cradle craft crane crater crayon cream credit creek crest crew
    crib cricket crimson crisp critic crocus crop croquet crouton crowd cruise crumb crunchy crust crystal
    cube cuckoo cuddle cuff cuisine culture cumin cupcake curious current cursor curtain curve cushion
    custard cutlery cyan cycle daily daisy dance daring data date dawn daytime dazzle deal debut decade
    decent decimal deck declare decor deep deer defend define degree delay deliver delta deluxe demand
    denim depart depth derby design desk dessert destiny detail device devote dewdrop diagram diamond
    diary dice diesel digital dimple diploma direct disco dish display distant dive dodge dollar dolphin
    domain dome domino donate donkey donor doodle door dormant dove draft dragon drama draw dream dress
    drift drill drink drip drive drizzle drop drum dryer duchess duck duet duke dune durable dust duty
    duvet dynamic eager eagle early earring earth easel east easy ebony echo eclair eclipse ecology
    economy edit educate effort egg elastic elbow elder elegant element elite elk ellipse email embark
    emblem embrace emerald emoji emotion employ empty emu enable enamel encore energy engine enigma enjoy
    enlarge enrich enter entire entry envoy epic episode equal equip erase escape essay essence estate
    eureka evening every example exceed excite exclaim exhibit exist exit exotic expand expert explore
    express extend extra eyebrow eyelash fable fabric fact faculty falafel falcon family famous fancy
    fanfare fantasy farmer fashion fast father fauna feast feather feline fellow felt fence fennel fern
    ferry festive fetch fiction fiddle field fiesta figure file film filter finch finger firefly fish
    fixture fizzy fjord flag flair flake flame flannel flap flash flat fleece flex flight flint flip float
    flock floor floral flower fluent fluffy fluid flute focus foggy foil folder foliage follow fondue font
    food foot forest forget fork formula fortune forum forward fossil fox foyer fragile frame freckle
    freedom fresh fridge friend fringe frog frolic front frost frozen frugal fruit fudge fuel furnish
    fusion future fuzzy gadget galaxy gallery game gamma garage garden garlic garment garnet gate gather
    gazebo gear gecko gelato gem genius gentle genuine geology gerbil gesture giant gift giggle ginger
    giraffe girl give gizmo glacier glad glance glass glaze glide glimpse glitter globe glossy glove glow
    glucose glue gnome goal goat goblet goggle gold golf gondola gong goose gopher gossip gourmet gown
    grade grammar granite grape grass gravity green grid grill grip grizzly grocer groove grotto ground
    grove grow grumpy guava guest guide guitar gulp gutter gym habit hallway hammer hamster handle happy
    harmony harp harvest hatch haven hawk hazel head heart heavy hedge helmet helper herald herb hero
    herring hexagon hiccup hidden highway hike hill hinge hint hippo history hive hobby hockey holiday
    holly home honey hood hook hoop hooray hope horizon horn horse host hotel house huge human humble
    humid hummus hurdle hurry husband husky hybrid hydrant hyena ibex iceberg icicle icing icon idea idiom
    igloo ignore iguana image imitate immense impact improve impulse inch include income index indigo
    indoor inform inherit initial ink inlet inner input inquire insect inside inspire instant intact
    invent invite involve iris iron island issue italic item ivory ivy jacket jade jagged jaguar jam
    january jargon jasmine javelin jaw jazz jeans jelly jersey jester jet jewel jigsaw jingle jockey
    jogger join joke jolly jolt journey jovial joyful jubilee judge judo juggle juice jukebox july jumbo
    jump jungle junior junk karate kayak kazoo kebab keep kelp kennel ketchup kettle khaki kick kilo
    kimono kind kingdom kiosk kitchen kite kitten kiwi knee knock knuckle koala label lace ladder ladle
    ladybug lagoon lake lamp land lane lantern laptop large lark lasagna laser lasso latch late lattice
    laugh laundry laurel lava layer layout leader leaf league leap learn leash lecture ledge left legal
    legend legume leisure lemon lemur lend length lens lentil leopard lesson lettuce level library lid
    lift light lilac lily lime limit linen linger link lion liquid list little lively lizard loaf lobby
    lobster local locket logic logo long look loop lotion lottery lotus loud lounge love loyal lucky
    luggage lullaby lumber lunar lunch luxury lyric macaw machine maestro magenta magic magnet magpie
    mailbox make mallet mammal manage mango mansion mantle manual maple marble march margin marine market
    marmot maroon mascot mash mask mason massive matrix mature maximum meadow meal measure medium medley
    meerkat mellow melody melt member memory mention menu mercury merge merit mermaid mesh metal meteor
    method metro midday midway mile milk mimosa mind mineral minimum mint minus mirror mitten mixer
    mixture mobile mocha model modify module mole moment monday money monitor month mood moon mop morning
    mosaic moss mother motion motor motto mound mouse move movie mower muffin mug mule mural muscle museum
    music mustard mutual mystery myth nail napkin narrow nature navy neat nebula neck nectar needle neon
    nephew nest network neutral newborn newt nibble nice nickel nifty night nimble ninja noise noodle
    normal north nose notable notch note notice nougat novel novice nowhere nozzle nuance nugget nursery
    nutmeg nylon oak oasis oatmeal obey object oblong oboe observe obvious ocean octave octopus office
    offset often oil olive omega omelet onion online opal opaque open opera opinion option orange orbit
    orca orchid order oregano organic origami ostrich other otter ounce outback outdoor outfit outing
    outline output outside oval ovation oven overall owl owner oxide oxygen oyster ozone pace pacific
    package pact paddle padlock page paint palace palm pamper pancake panda panel pantry papaya paper
    paprika parade parcel parent park parody parrot parsley partner passage pasta patch path patio pattern
    pause payment peach peanut pearl pebble pecan peg pelican pencil pendant penguin penny people perfume
    permit person pesto petal petunia phone photo phrase physics piano piccolo pickle picnic picture pie
    pigeon piglet pigment pile pillow pilot pinch pink pioneer pirate pivot pixel pizza place plaid planet
    plastic plate play plaza plenty plot plug plum plunge plural plywood pocket podcast podium poem poetry
    point poker polar polenta polite polka pollen polo polygon poncho pond pony poodle pool popcorn poppy
    popular porch portal poster potato pouch pound powder power prairie prank prawn precise predict prefer
    prelude premium prepare press pretty preview pride primary print prism private prize problem process
    produce profile project promise proof proper prose protect proud prune public pudding puffin pulley
    pulp pulse puma pumpkin pupil puppet pure purple purse push puzzle pyramid quail quality quantum
    quartz queen query quest quick quiet quilt quinoa quirky quiz quote rabbit raccoon race racket radar
    radio raft railway rainbow raisin rake rally ramp ranch random rapid rare rattle raven ravioli razor
    reach realm reason rebound rebuild receive recipe record recycle redwood reef referee refill reflect
    refresh refund region regular relax relief remain remind remote rename renew rental repair reptile
    request rescue reserve resort respect restore retire return reunion reuse reveal revolve reward rhino
    rhubarb rhyme ribbon rice riddle rider ridge rigid ring rinse ripe ripple risotto river road roast
    robin robot robust rocket rodeo roller romance roof rookie room rooster rope rose rotate rowboat royal
    rubbish ruby rudder rugby ruler rumble runner runway rush rustic saddle safari safety saffron saga
    sage sailor salad salmon salsa salt salute sample sandal sardine sash satchel satin sauce sauna
    sausage savanna sawdust scale scanner scarf scatter scenic school science scone scooter scope score
    scout scrap screen script scroll scuba seafood seagull seal search season seat seaweed secret section
    segment select self seminar send senior sense sequel serene series service sesame settle sewing shadow
    shake shallow shampoo shape shawl shed sheep shell shield shine shirt shoe shop shovel shower shrimp
    shrub shuttle shy sibling side sierra siesta sign silent silicon silk silver similar simple sincere
    singer siren sister size sizzle skate sketch skill skip skirt skyline slab slalom slate sled sleep
    slice slide slipper slogan slope sloth slow slumber small smart smile smoke smooth snack snail snap
    sneaker sneeze snorkel snout snow soccer social sock soda sofa soft soil solar solo solve sonata song
    sonic soon soprano sorbet souffle sound soup south spade sparrow spatula special speed sphere spice
    spinach spiral splash spoke sponge spoon sport spray spring sprout spruce square squeeze squid stable
    stadium stage stamp stapler star station stay steam stem stereo stew stick stir stitch stock stone
    stool storm stove straw street stripe strong studio style sublime suburb subway success sudden sugar
    suggest suit summer sundial sunny sunrise sunset super support surname surplus survey sushi swallow
    swamp swan sweater sweet swift swim swing swirl switch syrup system table tackle taco tadpole tag
    tailor talent tandem tango tape target tart task taste tavern taxi teacher team teapot teddy teenage
    tempo tenant tender tennis tenor tent terrace textile theme theory thermos thick thimble thistle thorn
    thread thrill throne thumb thunder ticket tidy tiger tile timber time tinsel tiny tiptoe tissue title
    toad toast today toddler toffee tofu toga token toll tomato tonight tool tooth topaz topic torch toss
    total toucan tour towel town toy tractor trade traffic train tram transit trapeze travel tray treat
    tree trek trellis trend tribute trick trim trio triumph trolley trophy trot trout truck true truffle
    trumpet trunk trust truth tube tugboat tulip tumble tuna tundra tunic tunnel turbine turf turkey
    turnip turret turtle tutor tuxedo tweed twig twin twirl twist type typical ukulele umpire uncle under
    unfold unicorn uniform unique unit unknown unlock unpack unusual unveil upbeat update upgrade uphill
    uplift upload upper upright urban urchin useful usher usual utensil utility vacant valid valley value
    valve vanilla variety varnish vase vault vector vehicle velour velvet vendor veranda verb version
    vessel vest viaduct vibe vibrate victory video view village vine vintage vinyl violin virtual visa
    visitor visual vitamin vivid vocal vogue voice volcano voltage volume voucher vowel voyage waffle
    wagon waiter walk wallet walnut walrus waltz want warm watch water wave wax wealthy weather web
    wedding wedge weekend welcome west whale wheat wheel whirl whisper white widget wiggle wild willow
    window wing winter wire wisdom wish witness wizard wobbly wolf wombat wonder wood wool world worth
    wrench wrist yacht yak yard yarn year yeast yellow yeti yield yodel yolk young youth yoyo zebra zenith
    zest zigzag zinc zipper zone zoo
    """.split()
)
"""All words, sorted; a word's index is the value of its 11 bits."""

_BITS_PER_WORD = 11


def words_of(bits: bytes, count: int = 4) -> tuple[str, ...]:
    """The `count` words that the first 11 times `count` bits of `bits` stand for, big-endian.

    Bits behind those are ignored. Raises `ValueError` when there are too few, or `count` is negative: a
    mistake of the caller's, never of a peer's.
    """
    wanted = _BITS_PER_WORD * count
    if not 0 <= wanted <= 8 * len(bits):
        raise ValueError(f"{count} words need {wanted} bits, not {8 * len(bits)}")
    number = int.from_bytes(bits, "big") >> (8 * len(bits) - wanted)
    return tuple(WORDS[number >> (_BITS_PER_WORD * i) & 0x7FF] for i in reversed(range(count)))
