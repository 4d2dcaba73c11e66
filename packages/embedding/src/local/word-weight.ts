/**
 * How telling English words are, by stem: the natural logarithm of how many passages of 60 words there are to one that has
 * it, in steps of a half. Counted over WordNet 3.0's glosses and examples and over Ambrose Bierce's "The Devil's
 * Dictionary" (1911, in the public domain), whichever has it more often: the one is modern and tells things, the other
 * speaks in sentences. Both are Debian's, `dict-wn` and `dict-devil`.
 *
 * A table for good, not counts of what is stored: a vector must not change with the texts around it.
 */
const stemsByWeight: readonly (readonly [weight: number, stems: string])[] = [
  [0.5, `a and in is of or that the to`],
  [1, `an as by for his it s with`],
  [1.5, `all are be but from have he i not on one this use was which who`],
  [2, `any at been especial form had has him its man no relat said small so stat their they unit when you`],
  [
    2.5,
    `act adj being can caus flow genus good great her if into larg made make more most my now other our out part
     person plant she some someon someth t than them ther two upon usual we were what will word would your`,
  ],
  [
    3,
    `about after america american ancient anoth befor between body call certain common consist contain could day
     dead death distinguish do everi fami follow found god group hand head high himself human kind king know
     known law leav let life light like live long many may me memb men mind name never new north noth often old
     once only order over own peopl plac play power produc resembl right say see shap should sin soul such system
     then thes thing thos thought through time tree up water way well wher whit whom whos without work world`,
  ],
  [
    3.5,
    `action among animal appear area around art ask away back base becom believ bet black blood born branch
     central chang charact characteristic characteriz chief church city color come condit countri court cover
     develop devil did direct diseas doe dog down dure each ear earth eastern end english enough er even ever
     exampl express eye face faith famous feel fell first fish food fool forc friend fruit general get give go
     govern heaven held herb here hold holy hope how howev includ involv just lack land languag last learn less
     line ll look mark mat mean modern monei move much must nation nativ natur night nor northern numb observ
     occur off offic open particular pass plan pleas poet point popular posit pray priest process properti provid
     public put qualiti read red region repli result river same sens serv set several shall short show shrub side
     sometim sound south southern still substanc support surfac take think though thre tis togeth tongu too treat
     tropical true truth turn type under us various very virtu war western whil why wish woman writ year yellow
     yet`,
  ],
  [
    4,
    `accord account acid activiti advantag affair affect africa against age air along also although alwai am
     amount angel arm asia ass authoriti bad ball bear becaus behavior belief best bird bishop blue book both
     british brown build busi came cannot capabl car carri cell cent centuri charg child children christian
     civiliz class clos cloth coast coat combin command compound comput consider control creat creatur cri
     cultivat cut dark deep degre deiti deni design determin devic dictionari different distinct divin done dr
     drug duty earli east eat edibl effect eith emploi enemi england enjoi equal etc europ european event
     evergreen evil except existenc fact fath favor femal field fill find fire fit fly folli former free french
     frequent funct game given greek green ground grow hair half hard hear heard heart heat heavi hell histori
     honor hors hous important increas indeed inform ingenious inspir instru interest invent island itself john
     judg keep knew lady lay lead left leg liquid littl locat lord love low lower male mast material measur metal
     method might militari moral mountain movement muscl music natural near need neighbor nose note object oil
     opin organ organiz original paint parti perennial perform period philosoph philosophi physical piec pious
     pocket politic political poor practic present product prov punish purpl purpos race reason record relig
     religious remain remov represent respect rich rite roman room royal rule run sacr saint saw school scienc
     sea seed seem seen senti servic ship sign similar singl sir size skin smil social soft solemn son sourc
     southeastern southwestern sovereign spac speak speech spirit spoken stand stem ston strong structur student
     studi subject suppos sweet tail term themselv thin thy till tissu took toward town trad train twa understand
     valu vers vice view wall wear west wheth whol wideli wisdom women wood worn worship worth written young`,
  ],
  [
    4.5,
    `able abnormal abov accept across ad adam advanc african afterward agent allow angl annual appearanc appli
     army aromatic associat atlantic attach attack attest australia author basic battl bc beast beautiful begin
     belong below bill bone bread breed bright bring built burn california capital card care case cast cat
     ceremoni chemical china classific clear clust cold collect compani complet compos concern conduct connect
     contract cook cours crim critic cross cultur current curv custom danc deal dear deciduous definit deriv
     desir destroi di disord distanc distribut divid doctrin don doubt draw dress drink driv dry edge element
     emot energi engag enter equip erect establish esteem eternal everyth evidenc expect experienc explain
     expound extend fabric fall far feed feet fern figur film fine fix flat foot formal four franc front full
     fungi gas gave gentleman german gift grass grav grey grown habit handl help hemispher hit home hot hundr
     idea india indian indicat individual infect inflam influenc inhabit inhabitant insect intend iron issu job
     joy justic kill knowledg largest lat later latin layer leaf least legal length level lexicograph limit
     literari loss lost machin main maintain major marin mass meat medicin medium meet mental mexico middl
     monarch moth motion mouth mr musical mythologi narrow naught neck nerv normal northeastern northwestern
     novel numerous obtain ocean official oper operat oppos opposit orang organism pacific pain pair paper
     particl passag pay peac performanc permit personal pertain pink pitch plain plat pleasur port possess prepar
     president pressur prevent pric principl print problem professor program project protect quantiti quest quick
     rais rang rank rapid rate rath re react real receiv reduc regard requir responsibl return rise rock root
     round salt scal second secret self sell separat sery sexual sharp showi signal simpl sing site situ skill
     slend slow smooth soil solut speci special specifi specific spiritual sport spread stag standard star start
     stock stop stor stori strip styl success sudden sum sun sup surround tabl taken tall teach team tell
     temperatur templ tend test theori thick thou thousand thron told top touch transmit travel try uncommon
     until upper useful varieti vehicl vein vessel visibl voic vote walk warm wave whatev wheel wherebi wick wife
     wild wind wine wing wise within worm wrong ye yield youth`,
  ],
  [
    5,
    `activ arrang attent break commercial constitut displai easi effort fight fluid fragrant glass grain growth
     joint mammal market mineral pattern road`,
  ],
];

/** All words that are not in the table: rarer than 1 passage in 120. */
const rareWeight = 5.5;

const weightByStem: ReadonlyMap<string, number> = new Map(
  stemsByWeight.flatMap(([weight, stems]) => stems.split(/\s+/).map((stem) => [stem, weight] as const)),
);

/** How telling a word is, by its stem: 0.5 for the commonest, 5.5 for what is rare or unknown. */
export function wordWeight(stem: string): number {
  return weightByStem.get(stem) ?? rareWeight;
}
